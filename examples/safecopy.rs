//! Reads the map of its own address space, and copies from all that is there and from much that is not:
//!
//!     cargo run --release --example safecopy
//!
//! One line for each mapping: what the kernel says may be done there, and what a copy of its first bytes gave. Then the edges of
//! mappings, a file that is truncated under a mapping of it, and addresses that cannot be anybody's.

use morestack::safecopy::{self, Fault};
use std::error::Error;
use std::fs::{self, File};
use std::os::fd::FromRawFd;
use std::{io, ptr};

const PAGE: usize = 4096;

/// A line of the map.
struct Mapping<'m> {
    start: usize,
    end: usize,
    rights: &'m str,
    name: &'m str,
}

impl Mapping<'_> {
    /// `start-end rights offset device inode name`
    fn parse(line: &str) -> Option<Mapping<'_>> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let rights = fields.next()?;
        Some(Mapping { start, end, rights, name: fields.nth(3).map_or("", str::trim) })
    }
}

fn at(address: usize) -> *mut u8 {
    ptr::with_exposed_provenance_mut(address)
}

/// The bytes that have arrived, or the fault.
fn tell(what: &str, address: usize, bytes: &mut [u8]) {
    match safecopy::copy_in(bytes, at(address)) {
        Ok(()) => {
            println!("  {what:<34} {address:#018x}  {} bytes: {:02x?} ...", bytes.len(), &bytes[..bytes.len().min(8)])
        }
        Err(fault) => println!("  {what:<34} {address:#018x}  {fault}"),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let map = fs::read_to_string("/proc/self/maps")?;
    let mappings: Vec<_> = map.lines().filter_map(Mapping::parse).collect();
    mappings_of_this_process(&mappings);
    edges(&mappings);
    truncated()?;
    println!("what is nobody's:");
    let mut bytes = [0; 64];
    let nobodys = [
        ("null", 0),
        ("not canonical", 0x1234_5678_9abc_def0),
        ("the kernel's", 0xffff_8880_0000_0000),
        ("the last address, 1 byte", usize::MAX),
    ];
    for (what, address) in nobodys {
        let len = if address == usize::MAX { 1 } else { bytes.len() };
        tell(what, address, &mut bytes[..len]);
    }
    tell("wraps around", usize::MAX - 10, &mut bytes);
    words();
    Ok(())
}

/// Reads the first bytes of each mapping, and all of it.
fn mappings_of_this_process(mappings: &[Mapping<'_>]) {
    println!("the {} mappings of this process:", mappings.len());
    let mut page = vec![0; PAGE];
    for mapping in mappings {
        let name = mapping.name.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("(anonymous)");
        tell(&format!("{} {name}", mapping.rights), mapping.start, &mut page[..64]);
        let whole =
            (mapping.start..mapping.end).step_by(PAGE).filter(|&start| safecopy::copy_in(&mut page, at(start)).is_ok());
        println!("  {:<34} {} of {} pages could be read", "", whole.count(), (mapping.end - mapping.start) / PAGE);
    }
}

/// Copies that run over the end of a mapping, up to which they must come and no further.
fn edges(mappings: &[Mapping<'_>]) {
    println!("over the end of a mapping:");
    let ends = mappings.windows(2).filter(|pair| pair[0].rights.starts_with('r') && pair[0].end < pair[1].start);
    let mut bytes = [0; 300];
    for (good, pair) in [0, 1, 100, 299].into_iter().zip(ends) {
        tell(&format!("{good} bytes before the end"), pair[0].end - good, &mut bytes);
    }
}

/// A file of two pages that loses the second while both are mapped.
fn truncated() -> io::Result<()> {
    println!("a file that is truncated:");
    // SAFETY: makes a descriptor, or says that it cannot; it is nobody else's. A mapping takes nothing that is in use.
    let (file, start) = unsafe {
        let descriptor = libc::memfd_create(c"truncated".as_ptr(), 0);
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        let file = File::from_raw_fd(descriptor);
        file.set_len(2 * PAGE as u64)?;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        (file, libc::mmap(ptr::null_mut(), 2 * PAGE, rights, libc::MAP_SHARED, descriptor, 0))
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let start = start as usize;
    let mut bytes = vec![0; 2 * PAGE];
    tell("both pages", start, &mut bytes);
    file.set_len(PAGE as u64)?;
    tell("both pages, one of them lost", start, &mut bytes);
    // SAFETY: the mapping is this function's.
    let written = unsafe { safecopy::copy_out(at(start + PAGE - 10), &[7; 20]) };
    show("20 bytes written over its end", start + PAGE - 10, written.map(|()| "written"));
    // SAFETY: nobody uses it any more.
    unsafe { libc::munmap(start as *mut _, 2 * PAGE) };
    Ok(())
}

fn show(what: &str, address: usize, got: Result<impl std::fmt::Debug, Fault>) {
    match got {
        Ok(value) => println!("  {what:<34} {address:#018x}  {value:?}"),
        Err(fault) => println!("  {what:<34} {address:#018x}  {fault}"),
    }
}

/// Words, exchanged where they are and where they are not.
fn words() {
    println!("words:");
    let mut word = 5u32;
    let here = &raw mut word;
    // SAFETY: the word is this function's; nothing is at the other addresses.
    unsafe {
        show("swap_u32(7)", here.addr(), safecopy::swap_u32(here, 7));
        show("compare_and_swap_u32(7, 9)", here.addr(), safecopy::compare_and_swap_u32(here, 7, 9));
        show("load_u32", here.addr(), safecopy::load_u32(here));
        show("load_u32, one byte further", here.addr() + 1, safecopy::load_u32(here.byte_add(1)));
        show("swap_u64 where nothing is", 0x1230, safecopy::swap_u64(at(0x1230).cast(), 1));
    }
}
