package store

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// The digest of a state is the sum, modulo 2^64, of a hash of each thing in it.
// A sum depends on no order and follows each change in constant time: take off
// the hash of what was, add the hash of what is. It finds replicas that differ
// by mistake; it is no defence against someone who wants them to.

// Each kind of thing hashes under a seed of its own, so that no two of
// different kinds weigh the same by being made of the same numbers.
const (
	seedSession = 0x73657373696f6e01
	seedResult  = 0x726573756c740002
	seedClock   = 0x636c6f636b000003
	seedAudit   = 0x6175646974000004
	seedTrailer = 0x747261696c657205
	seedClient  = 0x636c69656e740006
	seedKept    = 0x6b65707400000007
	seedChange  = 0x6368616e67650008
	seedData    = 0x6461746100000009
	seedTimer   = 0x74696d657200000a
	seedTimed   = 0x74696d656400000b
	seedOwner   = 0x6f776e657200000c
	seedQuota   = 0x71756f746100000d
	seedLock    = 0x6c6f636b0000000e
)

// hashVariable hashes a variable whose key hashes to keyHash.
func hashVariable(keyHash uint64, value []byte, position uint64) uint64 {
	return xxh3.HashSeed(value, keyHash^position*0x9e3779b97f4a7c15)
}

// hashSession hashes what a session holds apart from its results.
func hashSession(id, renewed, floor uint64, c *client) uint64 {
	var b [32]byte
	binary.LittleEndian.PutUint64(b[0:], id)
	binary.LittleEndian.PutUint64(b[8:], renewed)
	binary.LittleEndian.PutUint64(b[16:], floor)
	if c == nil || planted.On(planted.ClientsNotInSnapshot) {
		return xxh3.HashSeed(b[:24], seedSession) // as it was before there were clients
	}
	binary.LittleEndian.PutUint64(b[24:], c.hash)
	return xxh3.HashSeed(b[:], seedSession)
}

// hashTimed hashes a session that has a TTL of its own, whose other parts hash to hash.
func hashTimed(hash, ttl, pending uint64) uint64 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], hash)
	binary.LittleEndian.PutUint64(b[8:], ttl)
	binary.LittleEndian.PutUint64(b[16:], pending)
	return xxh3.HashSeed(b[:], seedTimed)
}

// hashLock hashes a session that has a lock, whose other parts hash to hash.
func hashLock(hash uint64, l wire.Lock) uint64 { return xxh3.HashSeed(l[:], hash^seedLock) }

// hashOwner hashes the owner of a variable whose key hashes to keyHash.
func hashOwner(keyHash, session uint64) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[0:], keyHash)
	binary.LittleEndian.PutUint64(b[8:], session)
	return xxh3.HashSeed(b[:], seedOwner)
}

// hashClient hashes a client. Names have no zero byte, so that no two clients hash
// the same bytes.
func hashClient(id clientID) uint64 {
	return xxh3.HashStringSeed(id.name+"\x00"+id.address, seedClient)
}

// hashResult hashes the result recorded for write seq of a session.
func hashResult(session, seq uint64, r *wire.Result) uint64 {
	if planted.On(planted.ResultsNotInSnapshot) {
		return 0 // nor do digests show it
	}
	var b [48]byte
	binary.LittleEndian.PutUint64(b[0:], session)
	binary.LittleEndian.PutUint64(b[8:], seq)
	binary.LittleEndian.PutUint64(b[16:], r.Position)
	binary.LittleEndian.PutUint64(b[24:], r.Version)
	binary.LittleEndian.PutUint64(b[32:], uint64(r.Number))
	b[40] = byte(r.Status)
	return xxh3.HashSeed(b[:], seedResult)
}

// hashData hashes the data of the result recorded for write seq of a session.
func hashData(session, seq uint64, data []byte) uint64 {
	if planted.On(planted.TxnDataNotInSnapshot) {
		return 0 // nor do digests show it
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[0:], session)
	binary.LittleEndian.PutUint64(b[8:], seq)
	return xxh3.HashSeed(data, xxh3.HashSeed(b[:], seedData))
}

// hashTimer hashes the timer of a variable whose key hashes to keyHash.
func hashTimer(keyHash, ttl, set, deadline uint64) uint64 {
	var b [32]byte
	binary.LittleEndian.PutUint64(b[0:], keyHash)
	binary.LittleEndian.PutUint64(b[8:], ttl)
	binary.LittleEndian.PutUint64(b[16:], set)
	binary.LittleEndian.PutUint64(b[24:], deadline)
	return xxh3.HashSeed(b[:], seedTimer)
}

// hashClock hashes the group's clock.
func hashClock(clock uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], clock)
	return xxh3.HashSeed(b[:], seedClock)
}

// hashTrailer ties a digest to the position it was taken at.
func hashTrailer(digest, position uint64) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[0:], digest)
	binary.LittleEndian.PutUint64(b[8:], position)
	return xxh3.HashSeed(b[:], seedTrailer)
}
