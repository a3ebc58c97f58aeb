// Package noise finds out whether anything else runs on the machine that systems
// are compared on.
//
// A [Meter] reads the kernel's counters in /proc. What is between two of its
// snapshots is a [Use]: how much of the processors other processes than this one
// and its descendants had, what no process in sight accounts for, and how much the
// hypervisor took away. Reading costs a
// millisecond or two, so that it is done before and after a point, not during it:
// the counters miss nothing.
//
// A hypervisor may not tell what it takes. So [Spin] has every processor do
// nothing but look at the clock for a moment while no system runs: gaps are
// time that something else had, and a slow loop is a slow processor.
//
// A [Log] gathers both, and its [Summary] says whether the machine was quiet.
package noise
