// Package crowd simulates large groups whose members have large messages under way, in virtual
// time: what a crash under full load costs 256 nodes, of which each has a port of 1 Gbit/s.
//
// The members and the registry's keeper are those that ship. Between them is a model: a
// message is not encoded but handed over once as many bytes as it has would have passed the
// ports of both nodes, so that a payload of a mebibyte is in memory once, and not once for each
// receiver. Links neither break nor lose anything, and a core takes no time. Package sim has
// what is left out here: faults of all kinds, in groups of up to 9 nodes.
package crowd
