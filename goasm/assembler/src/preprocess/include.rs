//! `#include`.

use std::path::{Path, PathBuf};

use super::{Fault, Input, MAX_INCLUDES, Preprocessor};
use crate::headers;
use crate::lex::{Kind, Lexer, Token};
use crate::literal;
use crate::source;

impl Preprocessor<'_> {
    /// `#include "name"`: beside the file that includes it, in the directories of the options, or known by itself.
    pub(super) fn include(&mut self, directive: &Token) {
        let line = self.rest_of_line();
        let name = match line.as_slice() {
            [name] if name.kind == Kind::String => name,
            [_, extra, ..] => {
                let found = extra.describe();
                return self
                    .report(Fault::new(extra, format!("expected the end of the line after the name, found {found}")));
            }
            _ => {
                let found = line.first().unwrap_or(directive);
                return self.report(Fault::new(found, "expected the name of a file in quotes after `#include`"));
            }
        };
        let text =
            literal::string(&name.text).and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()));
        let file = match text {
            Ok(file) => file,
            Err(error) => return self.report(Fault::new(name, format!("this is the name of no file: {error}"))),
        };
        let open = self.inputs.iter().filter(|input| matches!(input, Input::File { .. })).count();
        if open > MAX_INCLUDES {
            let way: Vec<_> = self.open_files().map(|path| path.display().to_string()).collect();
            let message = format!("more than {MAX_INCLUDES} files include each other");
            let fault = Fault::new(name, message)
                .note(format!("the last ones are {}", way[way.len().saturating_sub(4)..].join(" -> ")));
            return self.give_up_at(fault);
        }
        // Even an empty one takes time.
        self.expanded += 100;
        if !self.has_room(name) {
            return;
        }
        let beside = self.open_files().last().and_then(Path::parent).map(PathBuf::from);
        match source::find(&file, beside.into_iter().chain(self.options.include_dirs.iter().cloned())) {
            Some(path) => match source::read(&path) {
                Ok(text) => {
                    let number = self.files.add(&path.display().to_string());
                    self.inputs.push(Input::File { lexer: Lexer::new(&text, number), path: Some(path.clone()) });
                    self.read.push(path);
                }
                // Where it is used, with what is wrong with it.
                Err(error) => self.give_up_at(Fault::new(name, error.message.clone()).note(error.position.to_string())),
            },
            None => match headers::known(&file) {
                Some(text) => {
                    let number = self.files.add(&format!("<{file}>"));
                    self.inputs.push(Input::File { lexer: Lexer::new(text, number), path: None });
                }
                None => {
                    let fault = self.missing(name, &file);
                    self.give_up_at(fault);
                }
            },
        }
    }

    /// The paths of the files that are being read, the outermost first.
    fn open_files(&self) -> impl DoubleEndedIterator<Item = &Path> {
        self.inputs.iter().filter_map(|input| match input {
            Input::File { path, .. } => path.as_deref(),
            Input::Expansion { .. } => None,
        })
    }

    /// A file that is nowhere.
    fn missing(&self, name: &Token, file: &str) -> Fault {
        let beside = self.open_files().last().and_then(Path::parent);
        let mut places: Vec<_> =
            beside.into_iter().chain(self.options.include_dirs.iter().map(PathBuf::as_path)).collect();
        places.dedup();
        let list: Vec<_> = places
            .iter()
            .map(|dir| if dir.as_os_str().is_empty() { ".".into() } else { dir.display().to_string() })
            .collect();
        let searched = if list.is_empty() {
            "no directory is searched: text that is in no file has none beside it".to_owned()
        } else {
            format!("it was searched in {}", list.join(", "))
        };
        let fault = Fault::new(name, format!("there is no file {file:?} to include")).note(searched);
        if file != "go_asm.h" {
            return fault;
        }
        fault
            .note("Go's compiler makes it from the Go source of a package: its constants, and the offsets of its structs' fields")
            .note("give the names that are used here in a file of that name, or each with -D NAME=VALUE and without this line")
    }
}
