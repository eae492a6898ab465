//! The web app within this binary: what `npm run build` has left in `web/dist` when it was compiled, which build.rs lists.

/// Its files; none when there was no web app to compile in.
pub const FILES: &[api::web::File] = include!(concat!(env!("OUT_DIR"), "/web.rs"));
