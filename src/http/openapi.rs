//! The OpenAPI document: the routes' own descriptions, and what holds for all of them.

use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, ResponseBuilder,
};

use super::problem::{MEDIA_TYPE, ProblemView};

const DESCRIPTION: &str = "红色信箱：从信箱到答复。 A community's feedback system, from the letter box to the reply.\n\n\
    Errors are RFC 9457 problems; the last segment of `type` is stable. Unknown fields are refused by name. \
    Lists answer `items` and `next_cursor`. Changes need `If-Match` with the quoted version of the last answer's ETag. \
    Times are RFC 3339 with offset.";

/// The document as it is served and printed.
pub fn document() -> OpenApi {
    let mut document = super::Described::openapi();
    document.info = InfoBuilder::new()
        .title("red-mailbox 红色信箱")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    add_components(&mut document);
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            add_problems(path, operation);
        }
    }
    document
}

fn add_components(document: &mut OpenApi) {
    let problem = ResponseBuilder::new()
        .description("What went wrong and what to do, RFC 9457")
        .content(MEDIA_TYPE, ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build())
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An access token of POST /api/v1/auth/login, or a kiosk's device token"))
        .build();
    let receipt = ApiKeyValue::with_description("Receipt-Code", "The 8 digits of a receipt");
    let mut components = ComponentsBuilder::from(document.components.take().unwrap_or_default())
        .schema_from::<ProblemView>()
        .response("Problem", problem)
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .security_scheme("receipt", SecurityScheme::ApiKey(ApiKey::Header(receipt)))
        .build();
    let mut below = Vec::new();
    <ProblemView as utoipa::ToSchema>::schemas(&mut below);
    components.schemas.extend(below);
    document.components = Some(components);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// Documents the problems a route can answer by what it takes.
fn add_problems(path: &str, operation: &mut Operation) {
    let parameters = operation.parameters.iter().flatten();
    let mut statuses = Vec::new();
    for parameter in parameters {
        let RefOr::T(parameter) = parameter else { continue };
        match parameter.parameter_in {
            ParameterIn::Path => statuses.extend(["400", "404"]),
            ParameterIn::Header if parameter.name == "If-Match" => {
                statuses.extend(["400", "409", "412", "428"]);
            }
            ParameterIn::Query | ParameterIn::QueryString | ParameterIn::Header | ParameterIn::Cookie => {
                statuses.push("400");
            }
        }
    }
    if operation.request_body.is_some() {
        statuses.extend(["400", "408", "409", "413", "415", "422"]);
    }
    if path.starts_with("/api/") {
        statuses.extend(["400", "401", "403", "404", "429", "500", "503"]);
    }
    for status in statuses {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::Ref(Ref::from_response_name("Problem")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_the_document_and_nothing_else_is() {
        let mut served: Vec<String> = Vec::new();
        for (path, methods) in super::super::routes_by_path() {
            let path = path.replace(":.*", "");
            served.extend(methods.iter().map(|it| format!("{path} {it}")));
        }
        let mut written: Vec<String> = Vec::new();
        for (path, item) in document().paths.paths {
            let methods = [
                ("GET", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            written.extend(methods.iter().filter(|it| it.1).map(|it| format!("{path} {}", it.0)));
        }
        served.sort();
        written.sort();

        assert_eq!(served, written);
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let json = serde_json::to_value(document()).expect("JSON");
        let text = json.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().expect("an end");
            assert!(json.pointer(pointer).is_some(), "{pointer}");
        }
        assert_eq!(json["openapi"], "3.1.0");
    }

    #[derive(serde::Deserialize, utoipa::ToSchema)]
    #[serde(deny_unknown_fields)]
    struct AssignBody {
        #[expect(dead_code, reason = "only described")]
        unit: String,
    }

    #[derive(serde::Deserialize, utoipa::IntoParams)]
    #[serde(deny_unknown_fields)]
    struct AssignQuery {
        #[expect(dead_code, reason = "only described")]
        node: Option<String>,
    }

    /// Gives a ticket to a unit.
    #[utoipa::path(post, path = "/api/v1/sample/{number}/assign", tag = "tickets",
        params(("number" = String, Path), ("If-Match" = String, Header), AssignQuery),
        request_body = AssignBody, responses((status = 200, body = String)))]
    #[expect(dead_code, unused_variables, clippy::unused_async, reason = "only described")]
    async fn assign(
        app: actix_web::web::Data<crate::service::App>,
        caller: crate::http::StaffCaller,
        number: actix_web::web::Path<String>,
        query: crate::http::Query<AssignQuery>,
        version: crate::http::IfMatch,
        body: crate::http::Body<AssignBody>,
    ) -> Result<actix_web::HttpResponse, crate::http::Problem> {
        Ok(crate::http::reply::ok_at(7, "assigned"))
    }

    #[test]
    fn a_route_documents_the_problems_of_what_it_takes() {
        #[derive(utoipa::OpenApi)]
        #[openapi(paths(assign))]
        struct Sample;
        let mut sample = Sample::openapi();
        let item = sample.paths.paths.values_mut().next().expect("a path");
        let operation = operations(item).next().expect("an operation");

        add_problems("/api/v1/sample", operation);

        let statuses: Vec<&str> = operation.responses.responses.keys().map(String::as_str).collect();
        assert_eq!(statuses.join(" "), "200 400 401 403 404 408 409 412 413 415 422 428 429 500 503");
        let names: Vec<&str> = operation
            .parameters
            .iter()
            .flatten()
            .map(|it| match it {
                RefOr::T(parameter) => parameter.name.as_str(),
                RefOr::Ref(_) => "",
            })
            .collect();
        assert_eq!(names, ["number", "If-Match", "node"]);
    }
}
