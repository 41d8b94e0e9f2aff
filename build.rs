//! Has the program compiled again when a migration is added: the macro that embeds them sees no new folder.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
