//! The stages. Each starts its tasks, and returns the channel that the next one receives from.

use crate::progress::{Failure, Progress};
use crate::words::{cut, words};
use morestack::channel::{Receiver, Sender, TryRecvError, bounded, select, select_biased, unbounded};
use morestack::{blocking, thread};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A piece of a file, which no word goes beyond.
pub type Chunk = Vec<u8>;
/// Words for one of the counters.
pub type Share = Vec<String>;
/// How often each word occurs.
pub type Table = HashMap<String, u64>;

/// Files are read a few at a time: enough that some are ready while the disk works on others.
const READERS: usize = 8;
/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;
/// Messages that may wait between stages, per channel.
const ROOM: usize = 16;

/// Nothing is ever received from it. When it is closed, no more is to be read.
#[derive(Clone)]
pub struct Stop(pub Receiver<Infallible>);

impl Stop {
    fn is_asked_for(&self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Disconnected)
    }
}

/// Reads files. Those that cannot be read are reported, and the others go on.
pub fn read(
    files: Receiver<PathBuf>,
    stop: Stop,
    failures: Sender<Failure>,
    progress: &Arc<Progress>,
) -> Receiver<Chunk> {
    let (chunks, read) = bounded(ROOM);
    for _ in 0..READERS.min(files.len()) {
        let (files, stop, chunks) = (files.clone(), stop.clone(), chunks.clone());
        let (failures, progress) = (failures.clone(), progress.clone());
        thread::spawn(move || {
            for path in files {
                if stop.is_asked_for() {
                    break;
                }
                match read_file(&path, &chunks, &stop, &progress) {
                    Ok(to_its_end) => progress.files.add(usize::from(to_its_end)),
                    // Nobody listens any more if we have given up.
                    Err(error) => _ = failures.send(Failure { path, error }),
                }
            }
        });
    }
    read
}

/// Reads one file, until its end or the stop. Whether it was the end.
fn read_file(path: &Path, chunks: &Sender<Chunk>, stop: &Stop, progress: &Progress) -> io::Result<bool> {
    let mut file = blocking(|| File::open(path))?;
    // What is read and not sent: the beginning of a word at least.
    let mut text = vec![];
    while !stop.is_asked_for() {
        let old = text.len();
        text.resize(old + CHUNK, 0);
        let new = match blocking(|| file.read(&mut text[old..])) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            result => {
                let new = result?;
                if new == 0 {
                    text.truncate(old);
                    send(text, chunks, stop);
                    return Ok(true);
                }
                new
            }
        };
        progress.bytes.add(new);
        text.truncate(old + new);
        if let Some(end) = cut(&text, old) {
            let rest = text.split_off(end);
            send(std::mem::replace(&mut text, rest), chunks, stop);
        }
    }
    Ok(false)
}

/// Hands a chunk on, unless it is time to stop.
fn send(chunk: Chunk, chunks: &Sender<Chunk>, stop: &Stop) {
    select! {
        send(chunks, chunk) -> _ => {}
        recv(stop.0) -> _ => {}
    }
}

/// Splits chunks into words, and gives each word to the counter that has it. There are as many counters as splitters.
pub fn split(chunks: &Receiver<Chunk>, splitters: usize, stop: Stop, progress: &Arc<Progress>) -> Vec<Receiver<Share>> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..splitters).map(|_| bounded(ROOM)).unzip();
    let hasher = RandomState::new();
    for _ in 0..splitters {
        let (chunks, stop, shares) = (chunks.clone(), stop.clone(), senders.clone());
        let (hasher, progress) = (hasher.clone(), progress.clone());
        thread::spawn(move || {
            // What has been read comes before the stop.
            while let Ok(chunk) = select_biased! {
                recv(chunks) -> chunk => chunk.map_err(|_| ()),
                recv(stop.0) -> _ => Err(()),
            } {
                let words = words(&chunk);
                progress.words.add(words.len());
                for (share, counter) in divide(words, shares.len(), &hasher).into_iter().zip(&shares) {
                    counter.send(share).expect("counters stay until the last splitter is gone");
                }
            }
        });
    }
    receivers
}

/// Who counts which word.
fn divide(words: Vec<String>, counters: usize, hasher: &RandomState) -> Vec<Share> {
    let mut shares = vec![Share::new(); counters];
    for word in words {
        let counter = hasher.hash_one(&word) % counters as u64;
        shares[counter as usize].push(word);
    }
    shares
}

/// Counts words, each in one of the tables that come out in the end.
pub fn count(shares: Vec<Receiver<Share>>) -> Receiver<Table> {
    let (tables, counted) = unbounded();
    for share in shares {
        let tables = tables.clone();
        thread::spawn(move || {
            let mut table = Table::new();
            for word in share.into_iter().flatten() {
                *table.entry(word).or_default() += 1;
            }
            tables.send(table).expect("somebody waits for the tables");
        });
    }
    counted
}
