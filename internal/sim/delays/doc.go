// Package delays measures what the order costs in message delays, messages and
// bytes, independent of any machine. It runs groups of package isistest in virtual time,
// on links that all have the same delay and lose nothing. A core takes no time. Messages
// that reach a member at the same moment are one turn of its loop, as in a server, and
// acknowledgements wait for the same timer.
//
// In theory (package isis), a lone writer delivers its own message after 4 delays:
// PROPOSE, PROPOSAL, FINAL and ACK. With agreed delivery it needs 2. The other members
// hold the FINAL after 3 delays. They deliver after 4, or after 5 if acknowledgements go
// through the sender (isis.Config.DirectAcks). They may need up to a millisecond more if
// no client waits there. A test checks this for 1 to 32 members.
package delays
