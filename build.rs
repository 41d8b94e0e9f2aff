//! Has the program compiled again when a migration is added, and packs what the API's pages need.

use std::error::Error;
use std::fs::File;
use std::io::{self, Cursor};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

/// What `/docs` loads of Swagger UI; the rest of its archive is for other ways of building pages.
const DOCS_FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

fn main() -> Result<(), Box<dyn Error>> {
    // The macro that embeds migrations sees no new folder.
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=build.rs");
    pack_relocations();
    let folder = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut archive = zip::ZipArchive::new(Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED))?;
    for name in DOCS_FILES {
        let end = format!("/dist/{name}");
        let is_it = |at: usize| matches!(archive.name_for_index(at), Some(Ok(it)) if it.ends_with(&end));
        let place = (0..archive.len()).find(|it| is_it(*it));
        let mut file =
            archive.by_index(place.ok_or_else(|| format!("no {name} in Swagger UI's archive"))?)?;
        let mut packed =
            GzEncoder::new(File::create(folder.join(format!("{name}.gz")))?, Compression::best());
        io::copy(&mut file, &mut packed)?;
        packed.finish()?;
    }
    Ok(())
}

/// Two megabytes of addresses take a tenth of that when packed; a linker that does not know how leaves them as they are.
fn pack_relocations() {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|it| it == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
