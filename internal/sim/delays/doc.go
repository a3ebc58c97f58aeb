// Package delays measures what the order costs in message delays, messages and
// bytes, apart from any machine: it runs the real cores of package isis in virtual
// time, on links that all take the same time and lose nothing. What a core does takes
// no time; what reaches a member at one moment is one turn of its loop, as in a
// server, whose timer for acknowledgements that wait for company is here too.
//
// Theory (package isis): a lone writer delivers its own message after 4 delays,
// PROPOSE, PROPOSAL, FINAL and ACK, with agreed delivery after 2; the others hold the
// FINAL after 3. They deliver after 4, or after 5 where acknowledgements go by way of the
// sender (isis.Config.DirectAcks), and up to a millisecond later if nobody there waits.
// The package's test holds that for 1 to 32 members.
package delays
