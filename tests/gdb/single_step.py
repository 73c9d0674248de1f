# Runs in gdb, for tests/gdb_single_step.rs: single-steps the program between single_step_begin and single_step_end, and
# writes the whole trace at each stop into the file OUT (set on the command line), one line per stop:
#
#     STEP <tab> innermost function+offset <tab> stop reason of the outermost frame <tab> name <tab> name ... (innermost first)
#     REGS <tab> registers of each frame of step_anchor that waits for a call, after the line of its stop
#     END  <tab> exit code of the program
#
# Functions named in STEPPED are stepped through, one instruction after the other; every other one is run to its return.
# Where such a function enters one of ENTRIES, stepping begins again.

import re
import gdb

STEPPED = re.compile(r"(morestack|morestack_(noctxt|resume|gogo|run|mcall|switch|systemstack|enter|carry|call_rust|mapped_start"
                     r"|closure_start|abandon)|step_anchor|(step|runtime)\.\w+)$")
ENTRIES = ["morestack_run", "morestack_mcall", "morestack_switch", "morestack_systemstack", "morestack_enter", "step_anchor",
           "single_step_visit", "single_step_end"]
REGISTERS = ["rbx", "r12", "r13", "r14", "r15", "rbp", "rsp"]
MAX_STOPS = 20000

# Set on the command line too: a split build's passages from stack to stack are stepped through as well, wherever they are entered.
# An exception enters them at their landing pads.
if SPLIT:
    PASSAGES = ["__morestack", "__x86_indirect_thunk_r11", "morestack_foreign", "morestack_foreign_registers",
                "__wrap__Unwind_Resume"]
    STEPPED = re.compile(r"(%s|morestack_unlink(_big)?|step_anchor|step\.\w+|(.*::)?split_single_step::body)$"
                         % "|".join(PASSAGES))
    ENTRIES = ["step_anchor", "single_step_visit", "single_step_end", "'morestack$landing'", "'morestack$landing_from_big'",
               "'morestack_foreign$landing'", "'morestack_foreign_registers$landing'"] + PASSAGES

for setting in ["pagination off", "confirm off", "width 0", "height 0", "disable-randomization off",
                "backtrace past-main on", "backtrace past-entry on", "backtrace limit 200", "print thread-events off",
                "startup-with-shell off", "language c"]:
    gdb.execute("set " + setting)


def quiet(command):
    gdb.execute(command, to_string=True)


def name_of(frame):
    """The frame's function. gdb takes a name with a dot for one that Ada's compiler made, and shows step[outer]."""
    name = frame.name()
    return "??" if name is None else re.sub(r"^(\w+)\[(\w+)\]$", r"\1.\2", name.replace("\t", " "))


def record(out):
    """Writes the trace at this stop; the innermost name."""
    names, reason, anchors = [], "none", []
    innermost = gdb.newest_frame()
    try:
        frame = innermost
        while frame is not None:
            names.append(name_of(frame))
            if names[-1] == "step_anchor" and frame != innermost:
                anchors.append(" ".join("%s=%#x" % (r, int(frame.read_register(r)) & (1 << 64) - 1) for r in REGISTERS))
            outermost, frame = frame, frame.older()
        reason = gdb.frame_stop_reason_string(outermost.unwind_stop_reason())
    except gdb.error as error:
        reason = "error: %s" % error
    where = gdb.execute("info symbol $pc", to_string=True).split(" in section")[0].replace("\n", " ")
    out.write("\t".join(["STEP", where, reason] + names) + "\n")
    for anchor in anchors:
        out.write("REGS\t" + anchor + "\n")
    return names[0]


# Breakpoints where stepped functions have called others. They stay: a panic goes past what has been called in between.
returns = {}


def run_to_return():
    """Runs until the innermost function returns, or one further out that a stepped one has called, or an entry is hit."""
    frame = gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    caller = frame.older()
    pc = caller.pc()
    if pc in returns:
        quiet("continue")
        return
    stays = STEPPED.match(name_of(caller))
    there = gdb.Breakpoint("*%#x" % pc, internal=True)
    quiet("continue")
    if stays:
        returns[pc] = there
    else:
        there.delete()


def alive():
    return bool(gdb.selected_inferior().threads())


def main(out):
    begin = gdb.Breakpoint("single_step_begin", internal=True)
    quiet("run")
    if not alive():
        out.write("END\tbegin was never reached\n")
        return
    begin.delete()
    quiet("set scheduler-locking on")
    entries = [gdb.Breakpoint("*%#x" % int(gdb.parse_and_eval("(long)&" + entry)), internal=True) for entry in ENTRIES]
    for _ in range(MAX_STOPS):
        innermost = record(out)
        if not alive() or innermost.endswith("single_step_end"):
            break
        if STEPPED.match(innermost):
            quiet("stepi")
        else:
            run_to_return()
    for breakpoint in entries + list(returns.values()):
        breakpoint.delete()
    quiet("set scheduler-locking off")
    # A crash on the way would stop it again.
    quiet("continue")
    if alive():
        out.write("END\tstopped again\n")
        quiet("kill")
    else:
        out.write("END\t%s\n" % gdb.parse_and_eval("$_exitcode"))


with open(OUT, "w") as out:
    try:
        main(out)
    except gdb.error as error:
        out.write("END\terror: %s\n" % error)
