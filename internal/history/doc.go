// Package history defines the two records from which a run can be checked
// afterwards, by tools that know nothing of this program: the history of what
// clients asked for and were told, and the delivery log of what a node
// delivered. Both hold one JSON object a line.
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
// add is its delta as decimal text, and so is that of a tick. Keys are written
// as they are; a byte that is no part of valid UTF-8 becomes the escape of the
// code point U+DC00 plus the byte, which is what Python calls surrogateescape,
// so that no two keys are written alike.
//
// The writers append whole lines and hand them on in large pieces, so that a
// file whose writer was killed lacks its end and at most one line is torn.
// Their methods may be called by one goroutine at a time.
package history
