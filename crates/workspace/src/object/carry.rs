//! Carries everything a commit needs from one object database into another, verified on the way.
//!
//! Children are written before what names them, so an object that is there has all it needs there, and a carry
//! that stops half way leaves nothing that looks whole. libgit2 checks the hash of every object it reads; this
//! file checks what the object says. Must not know where the databases came from.

use std::collections::HashSet;

use git2::{ObjectType, Odb, OdbLookupFlags, Oid};

use super::{Flaw, MODE_GITLINK, MODE_TREE};
use crate::clock::{Stop, Stopped};

/// One journey. Reuse it for several tips: what was carried is remembered.
pub(crate) struct Carry<'a> {
    from: &'a Odb<'a>,
    to: &'a Odb<'a>,
    bytes_left: u64,
    stop: Stop<'a>,
    seen: HashSet<Oid>,
}

/// Why a tip was not carried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CarryError {
    #[error("the object {0} is missing or damaged: {1}")]
    Missing(Oid, String),
    #[error("the object {0} is refused: {1}")]
    Refused(Oid, Flaw),
    #[error("the object {0} is a {1} where a {2} belongs")]
    Kind(Oid, ObjectType, ObjectType),
    #[error("the objects are more than the limit allows")]
    TooMuch,
    #[error("the folders of {0} nest deeper than 256")]
    TooDeep(Oid),
    #[error("the object {0} could not be written: {1}")]
    Write(Oid, String),
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Deeper than any real project, far from the stack's end for whoever recurses later.
const DEPTH_MAX: u32 = 256;

enum Step {
    Enter(Oid, Option<ObjectType>, u32),
    Write(Oid),
}

impl<'a> Carry<'a> {
    /// Carries at most `bytes_max` of object content.
    pub(crate) fn new(from: &'a Odb<'a>, to: &'a Odb<'a>, bytes_max: u64, stop: Stop<'a>) -> Self {
        Self { from, to, bytes_left: bytes_max, stop, seen: HashSet::new() }
    }

    /// Makes `tip` and all it needs exist in the target.
    pub(crate) fn take(&mut self, tip: Oid) -> Result<(), CarryError> {
        let mut steps = vec![Step::Enter(tip, None, 0)];
        while let Some(step) = steps.pop() {
            self.stop.check()?;
            match step {
                Step::Enter(id, kind, depth) => self.enter(id, kind, depth, &mut steps)?,
                Step::Write(id) => self.write(id)?,
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        id: Oid,
        want: Option<ObjectType>,
        depth: u32,
        steps: &mut Vec<Step>,
    ) -> Result<(), CarryError> {
        if depth > DEPTH_MAX {
            return Err(CarryError::TooDeep(id));
        }
        if self.seen.contains(&id) || self.to.exists_ext(id, OdbLookupFlags::NO_REFRESH) {
            return Ok(());
        }
        let (bytes, kind) = self.from.read_header(id).map_err(|e| CarryError::Missing(id, e.message().to_owned()))?;
        if let Some(want) = want.filter(|want| *want != kind) {
            return Err(CarryError::Kind(id, kind, want));
        }
        self.bytes_left = self.bytes_left.checked_sub(bytes as u64).ok_or(CarryError::TooMuch)?;
        steps.push(Step::Write(id));
        if kind != ObjectType::Blob {
            let object = self.from.read(id).map_err(|e| CarryError::Missing(id, e.message().to_owned()))?;
            let needs = needs(kind, object.data(), depth).map_err(|flaw| CarryError::Refused(id, flaw))?;
            steps.extend(needs);
        }
        Ok(())
    }

    fn write(&mut self, id: Oid) -> Result<(), CarryError> {
        if !self.seen.insert(id) {
            return Ok(());
        }
        let object = self.from.read(id).map_err(|e| CarryError::Missing(id, e.message().to_owned()))?;
        let written =
            self.to.write(object.kind(), object.data()).map_err(|e| CarryError::Write(id, e.message().to_owned()))?;
        if written == id { Ok(()) } else { Err(CarryError::Missing(id, "its content has another hash".to_owned())) }
    }
}

fn needs(kind: ObjectType, bytes: &[u8], depth: u32) -> Result<Vec<Step>, Flaw> {
    match kind {
        ObjectType::Commit => {
            let (tree, parents) = super::commit(bytes)?;
            let parents = parents.into_iter().map(|id| Step::Enter(id, Some(ObjectType::Commit), 0));
            Ok(parents.chain([Step::Enter(tree, Some(ObjectType::Tree), 0)]).collect())
        }
        ObjectType::Tree => Ok(super::tree(bytes)?
            .into_iter()
            .filter(|entry| entry.mode != MODE_GITLINK)
            .map(|entry| {
                let kind = if entry.mode == MODE_TREE { ObjectType::Tree } else { ObjectType::Blob };
                Step::Enter(entry.id, Some(kind), depth + 1)
            })
            .collect()),
        ObjectType::Tag => Ok(vec![Step::Enter(super::tag(bytes)?, None, depth + 1)]),
        ObjectType::Blob | ObjectType::Any => Ok(Vec::new()),
    }
}
