//! A file as it was in the commit a tree was cut from: what the repository's owners wrote, not what an agent made of it.

use std::path::Path;

use super::Tree;
use crate::error::Fault;

impl Tree {
    /// The content of `path` in the commit the tree's source named. None without a repository, when it is not a plain file there, or when
    /// it has more than `bytes_max` bytes.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn original(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, Fault> {
        let Some(base) = self.source_base().and_then(|hex| crate::object::hex(hex.as_bytes())) else { return Ok(None) };
        let repo = self.mirrors.glance(&self.record.mirror)?;
        let root = repo.find_commit(base).and_then(|commit| commit.tree()).map_err(Fault::git("read the base"))?;
        let Ok(entry) = root.get_path(Path::new(path)) else { return Ok(None) };
        let Ok(blob) = repo.find_blob(entry.id()) else { return Ok(None) };
        Ok((blob.size() <= bytes_max).then(|| blob.content().to_vec()))
    }
}
