package registry

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// A record is a version, a checksum of the rest, and the state as JSON.
const (
	recordVersion    = 1
	recordHeaderSize = 1 + 8
)

var errDamaged = errors.New("the saved state is damaged; restore the file from a copy, or remove it to begin a new group")

func encodeState(state membership.State) ([]byte, error) {
	body, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("encode the state: %w", err)
	}
	return seal(body), nil
}

// seal puts the header before a body.
func seal(body []byte) []byte {
	record := make([]byte, recordHeaderSize, recordHeaderSize+len(body))
	record[0] = recordVersion
	binary.LittleEndian.PutUint64(record[1:], xxh3.Hash(body))
	return append(record, body...)
}

func decodeState(record []byte) (membership.State, error) {
	var state membership.State
	if len(record) < recordHeaderSize {
		return state, errDamaged
	}
	if record[0] != recordVersion {
		return state, fmt.Errorf("the saved state has format %d, this release reads %d; use the release that wrote it", record[0], recordVersion)
	}
	body := record[recordHeaderSize:]
	if binary.LittleEndian.Uint64(record[1:]) != xxh3.Hash(body) {
		return state, errDamaged
	}
	state.Settings = membership.DefaultSettings() // earlier releases kept no quotas
	if err := json.Unmarshal(body, &state); err != nil {
		return membership.State{}, fmt.Errorf("%w (%w)", errDamaged, err)
	}
	if err := state.Validate(); err != nil {
		return membership.State{}, fmt.Errorf("%w (%w)", errDamaged, err)
	}
	return state, nil
}
