//! Puts the built web app (`web/dist`) into the binary. Without one the binary is built all the same, and `/` is the plain page of the API:
//! a check of the Rust code alone needs no Node.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../web/dist");
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, &mut files)?;
        files.sort();
        // Each file by itself: a folder's time does not tell that a file in it was written anew.
        for file in &files {
            println!("cargo::rerun-if-changed={}", file.display());
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    // A folder that is not there counts as changed until it is, and is newer than the last build then.
    println!("cargo::rerun-if-changed={}", dist.display());
    let rows = files.iter().map(|file| row(&dist, file)).collect::<Result<String, _>>()?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("web.rs"), format!("&[{rows}]"))?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn row(dist: &Path, file: &Path) -> Result<String, Box<dyn Error>> {
    let parts = file.strip_prefix(dist)?.iter().map(|part| part.to_string_lossy().into_owned());
    let path = parts.collect::<Vec<_>>().join("/");
    let absolute = file.canonicalize()?;
    Ok(format!(
        "api::web::File {{ path: {:?}, content: include_bytes!({:?}) }},",
        format!("/{path}"),
        absolute.display().to_string()
    ))
}
