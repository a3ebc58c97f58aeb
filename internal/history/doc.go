// Package history defines the two records by which other programs can check a run:
// the history, which has the operations of clients and their results, and the delivery
// log, which has the deliveries of a node. Both have one JSON object per line.
//
// A line of the history is an [Op]; operations are written as they complete:
//
//	{"client":3,"session":7,"op":"set","key":"k12","value":"aGVsbG8=","version":91,
//	 "position":91,"node":"n1","start":120000,"end":180500,"status":"ok","expect":0}
//
// A line of a delivery log is an [Entry], one for each command:
//
//	{"pos":91,"view":1,"sender":"n1#1","seq":40,"op":"set","key":"k12",
//	 "value":"aGVsbG8=","session":7,"sseq":2,"expect":0,"ok":true}
//
// Values are base64 of their bytes, null where there is none. The value of an
// add is its delta as decimal text, and so is that of a tick or a clock, the milliseconds
// that it counts; a clock expects the position up to which TTLs count later ones. That of an
// opentimed or an openlocked is the TTL of the session, in milliseconds, 0 for the group's. That of a
// transaction, and of a scan or a count, is a JSON object: a scan has the keys, versions and
// xxh3 hashes of what it has shown. Keys are written as they are; a byte that is not part of
// valid UTF-8 becomes the escape of the code point U+DC00 plus the byte, which Python calls
// surrogateescape. So different keys are always written differently.
//
// The writers append whole lines and write them in large pieces. If a writer is
// killed, its file lacks the end, and at most one line is incomplete. One goroutine
// at a time may call their methods.
package history
