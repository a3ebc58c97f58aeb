package membership

import (
	"strconv"
	"strings"
	"time"
)

// Limits of a group.
const (
	MaxNodes        = 256 // members and joiners together; every member talks to every other
	MaxIDBytes      = 64
	MaxAddrBytes    = 255
	maxReasonBytes  = 200
	maxDeparted     = 1024 // nodes whose end is remembered, to tell them why
	maxPenalties    = 1024 // ids that failed to join
	maxJoinPause    = 30 * time.Second
	maxJoinFailures = 16 // more change nothing
)

const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// ValidateID checks a node's id.
func ValidateID(id string) error {
	if id == "" {
		return refuse(ErrInvalid, "the node's id is empty; it must have 1 to %d characters of A-Z a-z 0-9 . _ -", MaxIDBytes)
	}
	if len(id) > MaxIDBytes {
		return refuse(ErrInvalid, "the node's id has %d characters; it must have 1 to %d", len(id), MaxIDBytes)
	}
	if strings.ContainsFunc(id, notInID) {
		return refuse(ErrInvalid, "the node's id %q has other characters than A-Z a-z 0-9 . _ -", id)
	}
	return nil
}

func notInID(r rune) bool { return !strings.ContainsRune(idCharacters, r) }

func validateAddr(field, addr string) error {
	if len(addr) > MaxAddrBytes {
		return refuse(ErrInvalid, "%s has %d bytes; it must have at most %d", field, len(addr), MaxAddrBytes)
	}
	colon := strings.LastIndexByte(addr, ':')
	if colon < 1 {
		return refuse(ErrInvalid, "%s is %q; it must be host:port as others reach the node", field, addr)
	}
	if port, err := strconv.ParseUint(addr[colon+1:], 10, 16); err != nil || port == 0 {
		return refuse(ErrInvalid, "%s is %q; it must be host:port as others reach the node", field, addr)
	}
	if host := strings.Trim(addr[:colon], "[]"); strings.Trim(host, "0:.") == "" {
		return refuse(ErrInvalid, "%s is %q, which nobody can dial; give the node's own address or name", field, addr)
	}
	if strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return refuse(ErrInvalid, "%s is %q; it must be plain ASCII without spaces", field, addr)
	}
	return nil
}
