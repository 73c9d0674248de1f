//! Running a test of this binary in gdb, which steps through what tests/gdb/single_step.py names, instruction by instruction.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::process::Command;

/// What a stop showed.
pub struct Stop {
    /// The innermost function, and how far into it.
    pub at: String,
    /// Why the trace ends.
    pub reason: String,
    /// Innermost first, as gdb names them.
    pub frames: Vec<String>,
    /// Registers of the frames of `step_anchor` that wait for a call.
    pub anchors: Vec<String>,
}

impl Stop {
    /// Whether each of these registers is what `step_anchor` set it to.
    pub fn registers_are_kept(&self) -> bool {
        self.anchors.iter().all(|a| a.starts_with("rbx=0xb0b r12=0x1212 r13=0x1313 r14=0x1414 r15=0x1515 "))
    }
}

/// Has gdb step through the test `name`, in a child; `split`: also through what a split build's assembly does. None if there is no gdb.
pub fn stops(name: &str, split: bool) -> Option<Vec<Stop>> {
    let Ok(version) = Command::new("gdb").arg("--version").output() else {
        println!("skipped: there is no gdb");
        return None;
    };
    assert!(version.status.success());
    let file = std::env::temp_dir().join(format!("{name}-{}.steps", std::process::id()));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gdb/single_step.py");
    let out = Command::new("gdb")
        .args(["-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", "-ex"])
        .arg(format!("python OUT = {:?}; SPLIT = {}", file.to_str().unwrap(), if split { "True" } else { "False" }))
        .args(["-x", script, "--args"])
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env("MORESTACK_TEST_ROLE", "stepped")
        // Freed memory is overwritten: a trace must not read a task that is gone.
        .env("GLIBC_TUNABLES", "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0")
        .output()
        .unwrap();
    let steps = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    let said = || format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(steps.ends_with("END\t0\n"), "the child did not end well: {:?}\n{}", steps.lines().last(), said());

    let mut stops: Vec<Stop> = Vec::new();
    for line in steps.lines() {
        let mut fields = line.split('\t').map(String::from);
        match fields.next().as_deref() {
            Some("STEP") => {
                let (at, reason) = (fields.next().unwrap(), fields.next().unwrap());
                stops.push(Stop { at, reason, frames: fields.collect(), anchors: Vec::new() });
            }
            Some("REGS") => stops.last_mut().unwrap().anchors.extend(fields),
            _ => {}
        }
    }
    Some(stops)
}
