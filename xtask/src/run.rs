//! `cargo xtask run`: from a checkout to a served demo.

use crate::{
    process::{Done, cargo, replace_by, workspace_root},
    setup::{self, Purpose},
    web,
};

/// Builds everything and becomes `vtrustx serve --demo`; `options` are added to its command line.
///
/// `cargo run` in turn becomes the binary, so a signal to this process stops the server gracefully.
pub fn run(options: &[String]) -> Done {
    let root = workspace_root();
    setup::tools(Purpose::Run, &root)?;
    if web::exists(&root) {
        web::build(&root)?;
    }
    let mut command = cargo(&ARGUMENTS, &root);
    replace_by(command.args(serve_options(options)))
}

const ARGUMENTS: [&str; 9] =
    ["run", "--release", "--package", "server", "--bin", "vtrustx", "--", "serve", "--demo"];

/// `cargo xtask run -- --listen …` and `cargo xtask run --listen …` mean the same.
fn serve_options(options: &[String]) -> &[String] {
    match options {
        [dashes, rest @ ..] if dashes == "--" => rest,
        all => all,
    }
}
