//! `slips`: a run of slips as one HTML file to print.

use std::path::PathBuf;

use clap::Args;

use super::export::output;
use super::node::{block_on, failed, on_the_server};
use super::{Failure, Outcome};
use crate::http::web::slips::sheets;
use crate::service::slips::{self, Printed, ReprintBody, SlipsBody};
use crate::service::{App, Error};

/// Which slips, and where to.
#[derive(Debug, Clone, Args)]
pub(super) struct SlipsArgs {
    /// The community's code
    #[arg(long, value_name = "CODE", required_unless_present = "reprint")]
    community: Option<String>,
    /// How many sheets, at most 1000
    #[arg(long, value_name = "NUMBER", required_unless_present = "reprint", value_parser = clap::value_parser!(u32).range(1..=i64::from(slips::COUNT_MAX)))]
    count: Option<u32>,
    /// Print a slip once more, with the serial and code it has: a page that the printer lost
    #[arg(long, value_name = "SERIAL", conflicts_with_all = ["community", "count"])]
    reprint: Option<String>,
    /// The last of several to print once more
    #[arg(long, value_name = "SERIAL", requires = "reprint")]
    to: Option<String>,
    /// The HTML file, which must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

async fn give(app: &App, args: &SlipsArgs) -> Result<Printed, Error> {
    if let Some(first) = args.reprint.clone() {
        let body = ReprintBody { first, last: args.to.clone() };
        return slips::reprint(app, &on_the_server(), body).await;
    }
    let community = args.community.clone().unwrap_or_default();
    slips::print(app, &on_the_server(), SlipsBody { community, count: args.count.unwrap_or_default() }).await
}

/// Gives out a run of slips, or one anew, and writes their sheets; whoever holds the file holds the codes.
pub(super) fn run(app: &App, args: &SlipsArgs) -> Outcome {
    // The file first: serials are given out once.
    let mut out = output(args.output.as_ref())?;
    block_on(async {
        let printed = give(app, args).await.map_err(|error| {
            if let Some(Err(cause)) = args.output.as_ref().map(std::fs::remove_file) {
                tracing::warn!("could not take away the empty output file: {cause}");
            }
            failed("print slips", error)
        })?;
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
