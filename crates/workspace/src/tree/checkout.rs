//! Cuts a working tree: a repository of its own, sharing nothing with the mirror but read-only objects.
//!
//! Alternates, not a copy: a tree costs its files and an index, whatever the history weighs. Git never writes
//! into an alternate, mirrors never delete an object, and mirror objects are 0444. The tree's repository has no
//! remote, no hooks, no template, and no configuration but ours. Files are written without filters, so a
//! `.gitattributes` starts nothing; submodules stay empty folders.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{CheckoutNotificationType, ErrorClass, ErrorCode, Oid, Repository, RepositoryInitOptions};

use super::{Tree, remove};
use crate::clock::Stop;
use crate::error::{CheckoutError, Fault, printable};
use crate::mirror::{Mirror, Mirrors, recordable};
use crate::object::{self, MODE_GITLINK, MODE_TREE};
use crate::record::{Record, State};
use crate::source::{Place, Source};

/// A label becomes one component of a branch name.
const LABEL_CHARS_MAX: usize = 100;
/// The depth a save can bring home again.
const DEPTH_MAX: u32 = 128;

pub(crate) fn checkout(
    mirrors: &Mirrors,
    run: &str,
    source: &Source,
    (dir, after): (&Path, Option<&str>),
    stop: Stop<'_>,
) -> Result<Tree, CheckoutError> {
    if !label_fits(run) {
        return Err(CheckoutError::Label(printable(run.as_bytes())));
    }
    vacant(dir)?;
    let key = source.key().map_err(Fault::git("hash a name"))?;
    let mut mirror = mirrors.mirror(&key, &stop)?;
    mirrors.refresh(&mirror, source, stop)?;
    let source_base = mirrors.resolve(&mirror, source)?;
    let base = after.and_then(|branch| mirror.tip(branch)).or(source_base);
    let needed = base.map_or(Ok(0), |base| checkout_bytes(&mirror.repo, base, &stop))?;
    mirrors.budget(stop)?.admit("a working tree", needed)?;
    let mut record = Record {
        run: run.to_owned(),
        dir: dir.to_path_buf(),
        source: source.clone(),
        mirror: key,
        base: base.map(|id| id.to_string()),
        source_base: source_base.map(|id| id.to_string()),
        state: State::Preparing,
        saved: None,
    };
    record.store(&mirrors.trees())?;
    mirror.release();
    let cut = cut(&mirror, &record, base, stop).and_then(|()| {
        record.state = State::Standing;
        Ok(record.store(&mirrors.trees())?)
    });
    if let Err(error) = cut {
        remove::delete(&record, &mirrors.trees())?;
        return Err(error);
    }
    Ok(Tree::new(mirrors.clone(), record))
}

fn label_fits(run: &str) -> bool {
    run.len() <= LABEL_CHARS_MAX
        && run.starts_with(|c: char| c.is_ascii_alphanumeric())
        && run.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// An absolute path where nothing stands, or an empty folder that is no symlink.
fn vacant(dir: &Path) -> Result<(), CheckoutError> {
    let occupied = || CheckoutError::Occupied(dir.to_path_buf());
    if !recordable(dir) {
        return Err(occupied());
    }
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Fault::io("look at", dir)(error).into()),
        Ok(meta) => {
            let empty = meta.is_dir() && fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
            if empty { Ok(()) } else { Err(occupied()) }
        }
    }
}

/// The bytes of all files of a commit, from the objects' headers; refuses names that are never safe to write.
fn checkout_bytes(repo: &Repository, base: Oid, stop: &Stop<'_>) -> Result<u64, CheckoutError> {
    let commit = repo.find_commit(base).map_err(Fault::git("read the commit"))?;
    let odb = repo.odb().map_err(Fault::git("open the mirror's objects"))?;
    let mut bytes = 0u64;
    let mut folders = vec![(commit.tree_id(), 0)];
    while let Some((id, depth)) = folders.pop() {
        stop.check().map_err(Fault::from)?;
        let refused = |why: String| CheckoutError::Unsafe { commit: base.to_string(), why };
        if depth > DEPTH_MAX {
            return Err(refused(format!("its folders nest deeper than {DEPTH_MAX}")));
        }
        let folder = odb.read(id).map_err(Fault::git("read a folder of the commit"))?;
        for entry in object::tree(folder.data()).map_err(|flaw| refused(flaw.to_string()))? {
            match entry.mode {
                MODE_TREE => folders.push((entry.id, depth + 1)),
                MODE_GITLINK => {}
                _ => bytes = bytes.saturating_add(odb.read_header(entry.id).map_or(0, |(size, _)| size as u64)),
            }
        }
    }
    Ok(bytes)
}

fn cut(mirror: &Mirror, record: &Record, base: Option<Oid>, stop: Stop<'_>) -> Result<(), CheckoutError> {
    let dir = &record.dir;
    fs::create_dir_all(dir).map_err(Fault::io("create", dir))?;
    if *record.source.place() == Place::Nowhere {
        return base.map_or(Ok(()), |base| write_files(&mirror.repo, base, Some(dir), stop));
    }
    let base = base.expect("a source with a place resolves to a commit or fails");
    let branch = format!("ostler/{}", record.run);
    let mut options = RepositoryInitOptions::new();
    options.external_template(false).no_reinit(true).initial_head(&branch);
    drop(Repository::init_opts(dir, &options).map_err(Fault::git("make the tree's repository"))?);
    let git = dir.join(".git");
    let samples = git.join("hooks");
    fs::remove_dir_all(&samples).map_err(Fault::io("clear", &samples))?;
    write(&git.join("config"), &config(&record.run))?;
    let alternates = format!("{}\n", mirror.path.join("objects").display());
    fs::create_dir_all(git.join("objects/info")).map_err(Fault::io("create", &git))?;
    write(&git.join("objects/info/alternates"), &alternates)?;
    write(&git.join("packed-refs"), &landmarks(&mirror.repo).map_err(Fault::git("list the source's branches"))?)?;
    if let Ok(ends) = fs::read_to_string(mirror.path.join("shallow")) {
        write(&git.join("shallow"), &ends)?;
    }
    let repo = Repository::open(dir).map_err(Fault::git("open the tree's repository"))?;
    repo.reference(&format!("refs/heads/{branch}"), base, false, "ostler: cut")
        .map_err(Fault::git("make the run's branch"))?;
    write_files(&repo, base, None, stop)
}

/// Writes the files of a commit where the repository works, or in a folder that is no repository.
fn write_files(repo: &Repository, base: Oid, folder: Option<&Path>, stop: Stop<'_>) -> Result<(), CheckoutError> {
    let mut builder = CheckoutBuilder::new();
    if let Some(folder) = folder {
        builder.target_dir(folder).update_index(false);
    }
    builder.force().disable_filters(true).notify_on(CheckoutNotificationType::UPDATED);
    builder.notify(|_, _, _, _, _| stop.check().is_ok());
    let commit = repo.find_commit(base).map_err(Fault::git("read the commit"))?;
    let written = repo.checkout_tree(commit.as_object(), Some(&mut builder));
    stop.check().map_err(Fault::from)?;
    written.map_err(|error| {
        let unsafe_name = matches!(
            error.class(),
            ErrorClass::Checkout | ErrorClass::Filesystem | ErrorClass::Index | ErrorClass::Tree
        );
        if unsafe_name && error.code() == ErrorCode::GenericError {
            CheckoutError::Unsafe { commit: base.to_string(), why: printable(error.message().as_bytes()) }
        } else {
            Fault::git("write the files")(error).into()
        }
    })
}

/// An identity so that the agent can commit, and nothing that starts by itself.
fn config(run: &str) -> String {
    format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tlogAllRefUpdates = true\n\tprotectHFS = true\n\tprotectNTFS = true\n[user]\n\tname = ostler {run}\n\temail = {run}@ostler.invalid\n\
         [commit]\n\tgpgSign = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
    )
}

/// The source's branches and tags, so that an agent can compare with them: `source/<branch>` and the tags.
fn landmarks(repo: &Repository) -> Result<String, git2::Error> {
    let mut lines = Vec::new();
    for reference in repo.references_glob("refs/source/*")? {
        let reference = reference?;
        let (Ok(name), Some(id)) = (reference.name(), reference.target()) else { continue };
        let name = match (name.strip_prefix("refs/source/heads/"), name.strip_prefix("refs/source/tags/")) {
            (Some(head), _) => format!("refs/remotes/source/{head}"),
            (None, Some(tag)) => format!("refs/tags/{tag}"),
            (None, None) => continue,
        };
        lines.push((name, id));
    }
    lines.sort();
    let mut text = "# pack-refs with: sorted \n".to_owned();
    for (name, id) in lines {
        writeln!(text, "{id} {name}").expect("writing to a string cannot fail");
    }
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    fs::write(path, text).map_err(Fault::io("write", path))
}
