//! A stack that grows where the kernel refuses to move pages is copied, if the refusal is one that leaves the target alone;
//! else the process ends with a report rather than write on memory that may be another thread's.

mod common;

use morestack::stack::StackCache;

const MB: usize = 1 << 20;

/// Lets each `mremap` of this process from now on fail.
fn refuse_mremap(errno: u32) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let line = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        // The number of the system call comes first.
        line(LOAD, 0, 0, 0),
        line(IF_EQUAL, 0, 1, libc::SYS_mremap as u32),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the program.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}

#[test]
fn in_a_process_of_its_own() {
    let Some(role) = common::role() else { return };
    let mut cache = StackCache::new();
    // Whose pieces are taken when the other one grows.
    let freed = cache.alloc(MB).unwrap();
    let segment = cache.alloc(MB).unwrap();
    cache.free(freed);
    let (lo, hi) = (segment.hi() - MB, segment.hi());
    for at in (lo..hi).step_by(8) {
        // SAFETY: the segment is ours.
        unsafe { (at as *mut usize).write(hi - at) };
    }
    refuse_mremap(role.parse().unwrap());
    let grown = cache.relocate(segment, MB, 4 * MB).map_err(|(_, error)| error).unwrap();
    let hi = grown.hi();
    for at in (hi - MB..hi).step_by(8) {
        // SAFETY: the segment is ours; the bytes came along.
        assert_eq!(unsafe { (at as *const usize).read() }, hi - at);
    }
    // The rest can be written.
    for at in (hi - 4 * MB..hi - MB).step_by(4096) {
        // SAFETY: the segment is ours.
        unsafe { (at as *mut usize).write(at) };
    }
    cache.free(grown);
    eprintln!("grown");
}

#[test]
fn are_made_up_for_by_copying() {
    for errno in [libc::EPERM, libc::ENOSYS, libc::EINVAL] {
        let ended = common::run_child("in_a_process_of_its_own", &errno.to_string());
        assert!(ended.code == Some(0) && ended.stderr.contains("grown"), "{errno}: {ended:?}");
    }
}

#[test]
fn end_the_process_if_the_target_may_be_lost() {
    if common::debug_mode("fence") {
        println!("skipped: fenced segments are always copied");
        return;
    }
    let ended = common::run_child("in_a_process_of_its_own", &libc::ENOMEM.to_string());
    assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
    let report = ended.stderr.lines().find(|line| line.starts_with("morestack: fatal: ")).expect(&ended.stderr);
    assert!(report.contains("its stack cannot grow: the kernel had no memory to move"), "{report}");
    assert!(report.ends_with("lower the number of tasks or raise the memory limit"), "{report}");
}
