// Package forged says what a stranger could say in the name of others, with what every client
// can ask a node for. Hostile clients of dsmbench say it, and so do tests of the server, which
// must refuse it.
//
//	conn, err := net.Dial("tcp", addr)
//	...
//	err = wire.WriteHello(conn, forged.Hello(&info, isis.MemberID{ID: "n2", Incarnation: 7}))
package forged
