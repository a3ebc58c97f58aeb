package hostile

import "github.com/seed-8247e700/dsm/bench/attack"

// What a node with default settings may keep for hostile clients, in bytes.
const (
	unreadBudget  = 512 << 20 // server.Config.MaxUnreadBytes: all that is kept for clients
	lagBudget     = 256 << 20 // of it deliveries for subscribers: server.Config.MaxLagBytes
	waitingBudget = 64 << 20  // of it reads that wait, of all connections
	sessionBudget = 128 << 20 // sessions of an address, 50,000
	otherBudget   = 64 << 20  // buffers, and what differs from one collection to the next
)

// heapBudget returns by how much the live heap of a node may grow during an attack.
func heapBudget(kind attack.Kind) uint64 {
	switch kind {
	case attack.Unread, attack.Stopped, attack.Unfinished, attack.Idle, attack.Silent:
		return unreadBudget + otherBudget
	case attack.Subscribers:
		return lagBudget + otherBudget
	case attack.Parked, attack.Ahead:
		return waitingBudget + otherBudget
	case attack.Sessions:
		return sessionBudget + otherBudget
	default: // nothing of it is kept
		return otherBudget
	}
}
