//! Runs this program and another build of it in turns, and compares their figures.
//!
//! Each round runs each row in one and then in the other, so that both see the same machine. A figure is the best
//! of all rounds; a ratio is the middle of the rounds' ratios, which is steadier than that of the two bests.

use super::choose;
use super::targets::{Limit, TARGETS, Target};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const ROUNDS: usize = 5;

/// A figure's values, one for each round.
type Figures = BTreeMap<String, (Vec<f64>, String)>;

pub fn main(arguments: &[String]) -> Result<(), String> {
    let (other, rest) = arguments.split_first().ok_or("against which program?")?;
    let (rounds, names) = match rest.split_first().map(|(first, names)| (first.parse(), names)) {
        Some((Ok(rounds @ 1..), names)) => (rounds, names),
        Some((Ok(0), _)) => return Err("at least one round".to_owned()),
        _ => (ROUNDS, rest),
    };
    let rows = choose(names)?;
    let own = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let (own, other) = (own.as_path(), Path::new(other));
    let builds = [ask(own, "--build")?, ask(other, "--build")?];
    if !builds[1].contains(" build, ") {
        return Err(format!("{} is no build of this program", other.display()));
    }
    println!("ours:   {}\ntheirs: {}", builds[0].trim(), builds[1].trim());
    let judged = builds[0].starts_with("split") && builds[1].starts_with("plain");
    if !judged {
        println!("targets are for a split build against a plain one, so nothing is judged");
    }
    let (mut ours, mut theirs) = (Figures::new(), Figures::new());
    for row in rows {
        let mut order = Vec::new();
        for _ in 0..rounds {
            order = collect(&mut ours, &ask(own, row.name)?)?;
            collect(&mut theirs, &ask(other, row.name)?)?;
        }
        for name in order {
            report(&name, &ours, &theirs, judged);
        }
    }
    Ok(())
}

/// What a program prints when it is run with an argument.
fn ask(program: &Path, argument: &str) -> Result<String, String> {
    let out = Command::new(program)
        .arg(argument)
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    if !out.status.success() {
        let error = String::from_utf8_lossy(&out.stderr);
        return Err(format!("{} {argument}: {}\n{error}", program.display(), out.status));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Adds the lines that a program has printed. The names, in their order.
fn collect(figures: &mut Figures, lines: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for line in lines.lines() {
        let mut words = line.splitn(3, ' ');
        let figure = (words.next(), words.next().and_then(|value| value.parse::<f64>().ok()), words.next());
        let (Some(name), Some(value), Some(unit)) = figure else { return Err(format!("not a figure: {line}")) };
        figures.entry(name.to_owned()).or_insert_with(|| (Vec::new(), unit.to_owned())).0.push(value);
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Prints a figure of both, and how it stands to what is promised if that is to be judged.
fn report(name: &str, ours: &Figures, theirs: &Figures, judged: bool) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let against = target.map_or(name, |target| target.against);
    let Some((our, unit)) = ours.get(name) else { return };
    let Some((their, _)) = theirs.get(against) else {
        println!("{name:<28} {:>10.3} {unit:<8} nothing to compare it with", best(our));
        return;
    };
    let middle = |of: fn(f64, f64) -> f64| median(our.iter().zip(their).map(|(&our, &their)| of(our, their)).collect());
    let (ratio, plus) = (middle(|our, their| our / their), middle(|our, their| our - their));
    let against = if against == name { String::new() } else { format!("  (to {against})") };
    let verdict = match target {
        Some(target) if judged => verdict(target, ratio, plus, median(our.clone())),
        _ => String::new(),
    };
    let (our, their) = (best(our), best(their));
    let ratio = if their == 0.0 { "-".to_owned() } else { format!("x {ratio:.2}") };
    println!("{name:<28} {our:>10.3} {their:>10.3} {unit:<8} {ratio:<8} {plus:>+8.2}  {verdict}{against}");
}

fn verdict(target: &Target, ratio: f64, plus: f64, alone: f64) -> String {
    let (measured, limit, what) = match target.limit {
        Limit::Ratio(limit) => (ratio, limit, format!("x {limit}")),
        Limit::Plus(limit) => (plus, limit, format!("+{limit}")),
        Limit::Alone(limit) => (alone, limit, format!("{limit} alone")),
    };
    // Met if two decimals say so.
    let met = (measured * 100.0).round() <= (limit * 100.0).round();
    format!("<= {what:<10} {}", if met { "met" } else { "MISSED" })
}

fn best(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
