//go:build planted

package planted

import "fmt"

// Info describes a bug.
type Info struct {
	Bug         Bug
	Name        string // the constant's name
	Description string // the mistake in plain words
}

// Bugs lists every bug, in the order of the constants.
var Bugs = []Info{
	{WrongEnd, "WrongEnd", "pops the wrong end of the hold-back queue"},
	{ClockBehind, "ClockBehind", "the clock can fall behind an agreed priority"},
	{CollidingIDs, "CollidingIDs", "ids of messages or sessions collide"},
	{EarlyReturn, "EarlyReturn", "a Set returns before its own delivery"},
	{JoinerMisses, "JoinerMisses", "a joiner misses writes in flight"},
	{ReadMissInstalls, "ReadMissInstalls", "a read miss installs a value outside the order"},
	{MaximumRule, "MaximumRule", "the flush gives unfinished messages the maximum of the known proposals"},
	{UnfinishedUnordered, "UnfinishedUnordered", "a sender's sequence is not kept among the unfinished messages of a flush"},
	{FutureDropped, "FutureDropped", "messages of a future view are dropped"},
	{NoStability, "NoStability", "safe delivery does not wait for stability"},
	{WedgeWithoutBase, "WedgeWithoutBase", "a WEDGE is taken without a look at its base view"},
	{AckAcrossGap, "AckAcrossGap", "the acknowledgement counter of FINALs advances across a gap"},
}

// String returns the bug's name.
func (b Bug) String() string {
	for _, info := range Bugs {
		if info.Bug == b {
			return info.Name
		}
	}
	return fmt.Sprintf("Bug(%d)", uint8(b))
}
