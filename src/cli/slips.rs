//! `slips`: a run of slips as one HTML file to print.

use std::path::PathBuf;

use clap::Args;

use super::export::output;
use super::node::{block_on, failed, on_the_server};
use super::{Failure, Outcome};
use crate::http::web::slips::sheets;
use crate::service::App;
use crate::service::slips::{self, SlipsBody};

/// Which slips, and where to.
#[derive(Debug, Clone, Args)]
pub(super) struct SlipsArgs {
    /// The community's code
    #[arg(long, value_name = "CODE")]
    community: String,
    /// How many sheets, at most 1000
    #[arg(long, value_name = "NUMBER")]
    count: u32,
    /// The HTML file, which must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Gives out a run of slips and writes their sheets; whoever holds the file holds the codes.
pub(super) fn run(app: &App, args: &SlipsArgs) -> Outcome {
    // The file first: serials are given out once.
    let mut out = output(args.output.as_ref())?;
    block_on(async {
        let body = SlipsBody { community: args.community.clone(), count: args.count };
        let printed =
            slips::print(app, &on_the_server(), body).await.map_err(|error| failed("print slips", error))?;
        let html = sheets(app, &printed, true).map_err(|it| Failure::Failed(it.detail().to_owned()))?;
        out.write_all(html.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|cause| Failure::Failed(format!("could not write output: {cause}")))?;
        let (first, last) = (printed.slips.first(), printed.slips.last());
        if let (Some((first, _)), Some((last, _))) = (first, last) {
            eprintln!("{} slips: {first} to {last}", printed.slips.len());
        }
        Ok(())
    })
}
