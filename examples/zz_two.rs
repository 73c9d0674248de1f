use morestack::thread;
fn f() -> usize {
    let v: usize;
    unsafe {
        std::arch::asm!("mov {}, qword ptr fs:[morestack_foreign_stack@tpoff]", out(reg) v);
    }
    v
}
fn show(w: &str) {
    let (a, b) = (f(), morestack::arch::tcb_guard());
    eprintln!("{w}: {a:x} {b:x}");
}
#[inline(never)]
fn deep(n: u32) {
    let a = [n; 30];
    std::hint::black_box(&a);
    if n == 0 {
        panic!("x")
    }
    deep(n - 1);
    std::hint::black_box(&a);
}
#[morestack::main]
fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    thread::spawn(|| {
        show("start");
        let _ = std::panic::catch_unwind(|| panic!("a"));
        show("after");
        let _ = std::panic::catch_unwind(|| deep(100));
        show("after deep");
        struct D;
        impl Drop for D {
            fn drop(&mut self) {
                show("drop");
            }
        }
        let _ = std::panic::catch_unwind(|| {
            let _d = D;
            deep(100)
        });
        show("after deep");
    })
    .join()
    .unwrap();
}
