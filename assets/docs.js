// Starts Swagger UI over this server's own document. Without `validatorUrl` it would ask a server of its maker.
window.ui = window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
