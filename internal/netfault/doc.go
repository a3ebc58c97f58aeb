// Package netfault is a network that can be broken on purpose: a proxy on this
// machine through which named ends dial each other, in one process or in many.
//
//	proxy, err := netfault.Listen()
//	...
//	l, err := proxy.ListenAs("n2")             // an end that others dial
//	n2 := server.Config{ID: "n2", Listener: l, Dial: proxy.Dialer("n2"), ...}
//	proxy.Name(registry.Addr(), "registry")    // or one that listens elsewhere
//	...
//	proxy.Cut("n1", "n2")                      // what n1 sends to n2 is held
//	proxy.Heal("n1", "n2")
//	proxy.Reset("n1", "n2")                    // their connections break
//	heal := proxy.Slow(1<<20, netfault.Way{From: "n1", To: "n2"}) // 1 MiB/s
//	heal()
//
// Another process dials with [Through] and the proxy's address.
//
// A cut is like a network that forwards nothing from one end to the other: both
// ends' connections stay, and so do the bytes, which arrive when the cut heals;
// an end that closes its connection, or dies, is not noticed by the other; a
// dial whose way there or back is cut hangs until that heals or the dialler
// gives up. Cuts have a direction, and count: a way that was cut twice is open
// after two calls of Heal. A chunk that the proxy was forwarding at the very
// moment of a cut may still arrive; what is sent after Cut has returned does not.
//
// A slow way carries so many bytes a second, as a whole: connections and ways that are slowed
// together share them, in turns. What it has not carried yet waits in buffers of a few hundred
// KiB, and then in those of the sender, whose writes block. At most what was saved up in 20 ms
// of rest passes at once. Dials are not slowed. A way may be slow and cut, and slow several
// times.
//
// An address that has no name is an end whose name is the address.
//
// The package imports the standard library only.
package netfault
