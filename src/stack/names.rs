//! Names of functions for reports, found where nothing may be allocated and no lock of the program's may be taken: in the
//! executable's own table of symbols, which is mapped for it, and for shared libraries in what the dynamic linker has loaded.

use object::Endianness;
use object::elf::{FileHeader64, SHT_SYMTAB, STT_FUNC, Sym64};
use object::read::elf::{FileHeader, Sym, SymbolTable};
use std::ffi::{CStr, c_int, c_void};
use std::fmt;
use std::mem::MaybeUninit;

type Header = FileHeader64<Endianness>;

/// The executable's symbols.
pub(super) struct Names {
    /// None if it is stripped, or its file cannot be mapped.
    symbols: Option<(Endianness, SymbolTable<'static, Header>)>,
    /// Where its address 0 is.
    base: usize,
}

impl Names {
    /// The file stays mapped: who asks is about to end the process.
    pub(super) fn of_program() -> Names {
        unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _: usize, base: *mut c_void) -> c_int {
            // SAFETY: the linker's own description of the executable, which comes first, and the caller's variable.
            unsafe { *base.cast::<usize>() = (*info).dlpi_addr as usize };
            1
        }
        let mut base = 0_usize;
        // SAFETY: the callback writes what it is given.
        unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut base).cast()) };
        Names { symbols: map_program().and_then(|bytes| symbols(bytes).ok()), base }
    }

    /// The function that `pc` lies in, for a message: its name and how far into it, or if it has no name, the address.
    pub(super) fn at(&self, pc: usize) -> Place<'_> {
        Place { names: self, pc }
    }

    /// A mangled name and the distance from there.
    fn in_program(&self, pc: usize) -> Option<(&str, usize)> {
        let offset = pc.checked_sub(self.base)? as u64;
        let (endian, table) = self.symbols.as_ref()?;
        let into = |symbol: &Sym64<Endianness>| offset.wrapping_sub(symbol.st_value(*endian));
        let mut functions = table.iter().filter(|symbol| symbol.st_type() == STT_FUNC);
        let symbol = functions.find(|symbol| into(symbol) < symbol.st_size(*endian))?;
        let name = symbol.name(*endian, table.strings()).ok()?;
        Some((str::from_utf8(name).ok()?, into(symbol) as usize))
    }
}

/// The table of symbols in an executable. (The library's simpler interface, `ElfFile`, allocates.)
fn symbols(file: &'static [u8]) -> object::Result<(Endianness, SymbolTable<'static, Header>)> {
    let header = Header::parse(file)?;
    let endian = header.endian()?;
    Ok((endian, header.sections(endian, file)?.symbols(endian, file, SHT_SYMTAB)?))
}

/// The bytes of the program's own file, for good.
fn map_program() -> Option<&'static [u8]> {
    // SAFETY: a C string, a struct that fstat fills, and a mapping of its size that nobody unmaps. Whoever writes to the file of a
    // running program is refused (ETXTBSY).
    unsafe {
        let file = libc::open(c"/proc/self/exe".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let mut status = MaybeUninit::<libc::stat>::zeroed();
        let size = if libc::fstat(file, status.as_mut_ptr()) == 0 { status.assume_init().st_size } else { 0 };
        let size = usize::try_from(size).unwrap_or(0);
        let map = libc::mmap(std::ptr::null_mut(), size, libc::PROT_READ, libc::MAP_PRIVATE, file, 0);
        libc::close(file);
        (map != libc::MAP_FAILED).then(|| std::slice::from_raw_parts(map.cast(), size))
    }
}

/// See [`Names::at`].
pub(super) struct Place<'a> {
    names: &'a Names,
    pc: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, distance)) = self.names.in_program(self.pc) {
            return write!(f, "{:#} (+{distance:#x})", rustc_demangle::demangle(name));
        }
        let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: any address may be asked for; names that are found are C strings of a loaded library.
        unsafe {
            let found = libc::dladdr(std::ptr::without_provenance(self.pc), info.as_mut_ptr()) != 0;
            let info = info.assume_init();
            if !found || info.dli_fname.is_null() {
                return write!(f, "{:#x}", self.pc);
            }
            if !info.dli_sname.is_null() {
                let distance = self.pc - info.dli_saddr.addr();
                write!(f, "{} (+{distance:#x})", CStr::from_ptr(info.dli_sname).to_bytes().escape_ascii())?;
            } else {
                write!(f, "{:#x}", self.pc)?;
            }
            write!(f, " in {}", CStr::from_ptr(info.dli_fname).to_bytes().escape_ascii())
        }
    }
}
