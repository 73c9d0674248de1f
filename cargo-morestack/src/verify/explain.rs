//! What is known of a function, for people.

use std::fmt;

use super::Options;
use super::calls::{self, Moves, Way};
use super::check::{self, Form};
use super::image::demangle;
use super::inst;
use super::movable::Pin;
use super::program::{Kind, Program};
use super::state::Value;

/// How some functions were compiled, as text.
#[derive(Clone, Debug)]
pub struct Explanation {
    text: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Functions that one explanation covers.
const SHOWN: usize = 20;

impl Explanation {
    /// None if there is no such function.
    pub(super) fn of(program: &Program<'_, '_>, asked: &str) -> Option<Explanation> {
        let functions = &program.image.functions;
        let names: Vec<String> = functions.iter().map(|function| demangle(function.name)).collect();
        let all = |fits: &dyn Fn(usize) -> bool| (0..functions.len()).filter(|index| fits(*index)).collect::<Vec<_>>();
        // The closest kind of match that there is.
        let found = [
            all(&|index| functions[index].name == asked || names[index] == asked),
            all(&|index| names[index].ends_with(&format!("::{asked}"))),
            all(&|index| names[index].contains(asked)),
        ];
        let found = found.into_iter().find(|found| !found.is_empty())?;
        let mut text = String::new();
        for &index in found.iter().take(SHOWN) {
            program.describe(index, &names[index], &mut text);
        }
        if found.len() > SHOWN {
            text += &format!("... and {} more; say more of the name\n", found.len() - SHOWN);
        }
        Some(Explanation { text })
    }
}

impl Program<'_, '_> {
    /// The demangled name of the function at an address.
    pub(super) fn name(&self, address: u64) -> String {
        match self.image.around(address) {
            Some(index) => demangle(self.image.functions[index].name),
            None => format!("{address:#x}"),
        }
    }

    fn describe(&self, index: usize, name: &str, text: &mut String) {
        let function = &self.image.functions[index];
        *text += &format!("{name}\n    at {:#x}, {} bytes of code\n", function.address, function.size);
        let violations = self.violations.iter().filter(|violation| function.range().contains(&violation.address));
        for violation in violations {
            *text += &format!("    REFUSED: {violation}\n");
        }
        match &self.kinds[index] {
            Kind::Foreign(why) => *text += &format!("    foreign, runs on a big stack: {why}\n"),
            Kind::HandWritten => *text += "    hand-written, with a stated bound\n",
            Kind::Leaf => *text += &format!("    leaf: no check, takes {} bytes at most\n", self.facts[index].reach),
            Kind::Checked(check) => {
                let facts = &self.facts[index];
                *text += &match check.form {
                    Form::Short => "    checked: compares the stack pointer itself with the guard\n".to_owned(),
                    Form::Long(less) => format!("    checked: compares the stack pointer less {less} with the guard\n"),
                };
                *text += &format!(
                    "    frame: {} bytes, {} at most with calls; {} bytes of stack arguments\n",
                    check.frame, facts.depth, check.args
                );
                let reason = |pin: &Pin| match pin.at {
                    at if at == function.address => format!("it {}", pin.why),
                    at => format!("`{}` at {at:#x} {}", inst::text(self.image, at), pin.why),
                };
                *text += &match calls::moves(self, index) {
                    Moves::Always => "    movable\n".to_owned(),
                    Moves::Before(units, pin) => {
                        let end = function.address + u64::from(units) * check::UNIT;
                        format!("    movable while calls return to before {end:#x}: {}\n", reason(&pin))
                    }
                    Moves::Never(pin) => format!("    pinned: {}\n", reason(&pin)),
                };
            }
        }
        self.describe_calls(index, text);
    }

    fn describe_calls(&self, index: usize, text: &mut String) {
        // Verified before: what was allowed then is allowed.
        let options = Options { plain_objects_allowed: true, ..Options::default() };
        for call in &self.facts[index].calls {
            let target = match call.r11 {
                Value::Address(address) => self.name(address),
                Value::Foreign(slot) => {
                    self.image.dynamic_name(slot).unwrap_or("a function chosen at start-up").to_owned()
                }
                _ => "what %r11 holds".to_owned(),
            };
            *text += &match calls::way(self, &options, call) {
                Ok(Way::Direct | Way::Resolved(_)) => continue,
                Ok(Way::Foreign) => format!("    {:#x}: foreign call of {target}, stack arguments possible\n", call.at),
                Ok(Way::ForeignRegisters) => format!("    {:#x}: foreign call of {target}\n", call.at),
                Ok(Way::Stub(function)) => {
                    format!("    {:#x}: foreign call of {} by way of a stub\n", call.at, self.name(function))
                }
                Ok(Way::Indirect) => format!("    {:#x}: indirect call\n", call.at),
                Err(problem) => format!("    {:#x}: REFUSED: {problem}\n", call.at),
            };
        }
    }
}
