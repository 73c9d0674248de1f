//! interim
use crate::sched::{self, spawn::{self, Settings, Target}, task::Join};
use crate::stack::StackError;
pub use crate::sched::{yield_now, park};
pub struct JoinHandle<T>(Join<T>);
impl<T> JoinHandle<T> {
    pub fn join(self) -> std::thread::Result<T> { self.0.wait(); self.0.take() }
    pub fn is_finished(&self) -> bool { self.0.is_finished() }
    pub fn thread(&self) -> sched::Task { self.0.task() }
}
#[derive(Default)]
pub struct Builder { settings: Settings }
impl Builder {
    pub fn new() -> Self { Self::default() }
    pub fn stack_size(mut self, n: usize) -> Self { self.settings.stack_size = Some(n); self }
    pub fn spawn<F, T>(self, f: F) -> Result<JoinHandle<T>, StackError> where F: FnOnce() -> T + Send + 'static, T: Send + 'static {
        unsafe { spawn::spawn_unchecked(Target::Any(&|| crate::runtime::default().shared()), self.settings, f).map(JoinHandle) }
    }
    pub fn spawn_on<F, T>(self, r: &crate::runtime::Runtime, f: F) -> Result<JoinHandle<T>, StackError> where F: FnOnce() -> T + Send + 'static, T: Send + 'static {
        unsafe { spawn::spawn_unchecked(Target::Runtime(r.shared()), self.settings, f).map(JoinHandle) }
    }
}
pub fn spawn<F, T>(f: F) -> JoinHandle<T> where F: FnOnce() -> T + Send + 'static, T: Send + 'static { Builder::new().spawn(f).unwrap() }
pub fn sleep(d: std::time::Duration) { let at = std::time::Instant::now() + d; while !sched::wait::wait_until(at) {} }
pub fn current() -> Option<sched::Task> { sched::current() }
#[macro_export]
macro_rules! go { ($f:expr) => { drop($crate::thread::spawn($f)) }; }
impl Builder { pub fn name(mut self, n: String) -> Self { self.settings.name = Some(n.into()); self } }
