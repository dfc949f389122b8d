//! What a rule wants to know of one Rust file: its functions, matches, paths, macros, items, each with its line.
//! Code under `#[cfg(test)]` is measured apart. Must not know any rule.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A stretch of code with a size.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
    /// A function's arguments, a match's arms.
    pub(crate) count: usize,
}

/// Something named, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// Whether it stands in code that is only compiled for tests.
    pub(crate) in_test: bool,
}

/// An enum with the names of its variants.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    pub(crate) name: String,
    pub(crate) derives: Vec<String>,
    pub(crate) variants: Vec<(String, usize)>,
}

/// What one item of a file's top level shows to the outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    Item(String),
    Module(String),
    /// A public use, as its path's parts; the last is `*` for a glob.
    Use(Vec<String>),
}

#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) functions: Vec<Piece>,
    pub(crate) matches: Vec<Piece>,
    /// Paths of `use` items and expressions, joined by `::`.
    pub(crate) paths: Vec<Named>,
    pub(crate) macros: Vec<Named>,
    /// Names of called methods that matter: `unwrap`, and `expect` with a text that says nothing.
    pub(crate) calls: Vec<Named>,
    /// Lint attributes: `allow`, and `expect` without a reason.
    pub(crate) lints: Vec<Named>,
    pub(crate) unsafes: Vec<Named>,
    pub(crate) modules: Vec<Named>,
    pub(crate) assertions: usize,
    pub(crate) enums: Vec<Closed>,
    pub(crate) shown: Vec<Shown>,
    pub(crate) test_modules: Vec<String>,
    test_lines: BTreeSet<usize>,
    depth_in_test: usize,
}

impl Outline {
    pub(crate) fn of(text: &str) -> Result<Self, syn::Error> {
        let file = syn::parse_file(text)?;
        let mut outline = Self { shown: file.items.iter().flat_map(shown).collect(), ..Self::default() };
        outline.visit_file(&file);
        Ok(outline)
    }

    /// Whether a line, counted from one, is compiled for tests only.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.contains(&line)
    }

    fn named(&self, name: impl Into<String>, span: Span) -> Named {
        Named { name: name.into(), line: span.start().line, in_test: self.depth_in_test > 0 }
    }

    fn function(&mut self, sig: &syn::Signature, end: Span) {
        if self.depth_in_test == 0 {
            let (first, last) = (sig.span().start().line, end.end().line);
            let (name, count) = (sig.ident.to_string(), sig.inputs.len());
            self.functions.push(Piece { name, line: first, lines: last - first + 1, count });
        }
    }

    fn within<N>(&mut self, node: &N, attrs: &[syn::Attribute], walk: impl FnOnce(&mut Self, &N))
    where
        N: Spanned,
    {
        let test = attrs.iter().any(is_test);
        if test {
            let span = node.span();
            self.test_lines.extend(span.start().line..=span.end().line);
        }
        self.depth_in_test += usize::from(test);
        walk(self, node);
        self.depth_in_test -= usize::from(test);
    }
}

impl<'ast> Visit<'ast> for Outline {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attrs = attributes(item).to_vec();
        if let syn::Item::Mod(module) = item {
            self.modules.push(self.named(module.ident.to_string(), module.span()));
            if module.content.is_none() && attrs.iter().any(is_test) {
                self.test_modules.push(module.ident.to_string());
            }
        }
        self.within(item, &attrs, |outline, item| {
            visit::visit_item(outline, item);
        });
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(item, &item.attrs, |outline, item| {
            outline.function(&item.sig, item.block.span());
            visit::visit_impl_item_fn(outline, item);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block.span());
        } else if self.depth_in_test == 0 && item.sig.inputs.len() > 6 {
            self.function(&item.sig, item.sig.span());
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_match(&mut self, found: &'ast syn::ExprMatch) {
        if self.depth_in_test == 0 {
            let span = found.span();
            let (first, last) = (span.start().line, span.end().line);
            let (name, count) = ("match".to_owned(), found.arms.len());
            self.matches.push(Piece { name, line: first, lines: last - first + 1, count });
        }
        visit::visit_expr_match(self, found);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.paths.push(self.named(parts.join("::"), path.span()));
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for leaf in leaves(&item.tree) {
            self.paths.push(self.named(leaf.join("::"), item.span()));
        }
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        let name = mac.path.segments.last().map(|part| part.ident.to_string()).unwrap_or_default();
        let asserts = name.starts_with("assert") || name.starts_with("debug_assert") || name == "unreachable";
        self.assertions += usize::from(asserts && self.depth_in_test == 0);
        self.macros.push(self.named(name, mac.span()));
        visit::visit_macro(self, mac);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let name = call.method.to_string();
        match (name.as_str(), call.args.first()) {
            ("unwrap", None) => self.calls.push(self.named("unwrap", call.method.span())),
            ("expect", Some(syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(says), .. }))) => {
                self.assertions += usize::from(self.depth_in_test == 0);
                if !says.value().trim().contains(' ') {
                    self.calls.push(self.named("expect", call.method.span()));
                }
            }
            _ => {}
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("allow") {
            self.lints.push(self.named("allow", attribute.span()));
        } else if attribute.path().is_ident("expect") {
            let says = matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string().contains("reason"));
            if !says {
                self.lints.push(self.named("expect", attribute.span()));
            }
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_expr_unsafe(&mut self, found: &'ast syn::ExprUnsafe) {
        self.unsafes.push(self.named("unsafe", found.span()));
        visit::visit_expr_unsafe(self, found);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        let variants = item.variants.iter().map(|variant| (variant.ident.to_string(), variant.span().start().line));
        let derives = item.attrs.iter().filter(|attribute| attribute.path().is_ident("derive"));
        let derives = derives.filter_map(|attribute| match &attribute.meta {
            syn::Meta::List(list) => Some(list.tokens.to_string()),
            syn::Meta::Path(_) | syn::Meta::NameValue(_) => None,
        });
        let closed = Closed { name: item.ident.to_string(), derives: derives.collect(), variants: variants.collect() };
        if self.depth_in_test == 0 {
            self.enums.push(closed);
        }
        visit::visit_item_enum(self, item);
    }
}

fn is_test(attribute: &syn::Attribute) -> bool {
    let cfg_test = match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        syn::Meta::List(_) | syn::Meta::Path(_) | syn::Meta::NameValue(_) => false,
    };
    cfg_test || attribute.path().segments.last().is_some_and(|part| part.ident == "test")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "syn's enums grow; what is not named has no attributes of interest")]
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "syn's enums grow; what is not named shows nothing")]
fn shown(item: &syn::Item) -> Vec<Shown> {
    if attributes(item).iter().any(is_test) {
        return Vec::new();
    }
    let (vis, name) = match item {
        syn::Item::Const(item) => (&item.vis, item.ident.to_string()),
        syn::Item::Enum(item) => (&item.vis, item.ident.to_string()),
        syn::Item::Fn(item) => (&item.vis, item.sig.ident.to_string()),
        syn::Item::Static(item) => (&item.vis, item.ident.to_string()),
        syn::Item::Struct(item) => (&item.vis, item.ident.to_string()),
        syn::Item::Trait(item) => (&item.vis, item.ident.to_string()),
        syn::Item::Type(item) => (&item.vis, item.ident.to_string()),
        syn::Item::Mod(item) if is_pub(&item.vis) => return vec![Shown::Module(item.ident.to_string())],
        syn::Item::Use(item) if is_pub(&item.vis) => return leaves(&item.tree).into_iter().map(Shown::Use).collect(),
        _ => return Vec::new(),
    };
    if is_pub(vis) { vec![Shown::Item(name)] } else { Vec::new() }
}

fn is_pub(vis: &syn::Visibility) -> bool {
    matches!(vis, syn::Visibility::Public(_))
}

fn leaves(tree: &syn::UseTree) -> Vec<Vec<String>> {
    let below = |first: &syn::Ident, rest: &syn::UseTree| {
        let join = |leaf: Vec<String>| std::iter::once(first.to_string()).chain(leaf).collect();
        leaves(rest).into_iter().map(join).collect()
    };
    match tree {
        syn::UseTree::Path(path) => below(&path.ident, &path.tree),
        syn::UseTree::Name(name) => vec![vec![name.ident.to_string()]],
        syn::UseTree::Rename(rename) => vec![vec![rename.ident.to_string()]],
        syn::UseTree::Glob(_) => vec![vec!["*".to_owned()]],
        syn::UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}
