package attack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// shot is what is sent on one connection.
type shot struct {
	addr   string
	bytes  []byte
	frames int // of garbage
}

// variants is how many shots there are of each form and address.
const variants = 16

// shots makes all that is sent, beforehand. Shots that follow one another go to
// different addresses, in different forms.
func (a *Attack) shots() (all []shot) {
	random := rand.NewChaCha8([32]byte{})
	for range variants {
		for _, form := range nodeForms {
			for _, addr := range a.cfg.Nodes {
				all = append(all, shot{addr, form(random, a.cfg.FramesPerConn), a.cfg.FramesPerConn})
			}
		}
		for _, form := range registryForms {
			all = append(all, shot{a.cfg.Registry, form(random, a.cfg.FramesPerConn), a.cfg.FramesPerConn})
		}
	}
	return all
}

// form makes so many frames for a connection.
type form func(random *rand.ChaCha8, frames int) []byte

// nodeForms are for nodes: what is no handshake, or a strange one, and what
// follows one that is welcome.
var nodeForms = []form{
	noise,
	each(longHello),
	each(garbledHello),
	each(stranger(wire.RolePeer)),
	each(stranger(wire.RoleObserve)),
	greeted(badLength),
	greeted(randomBody),
}

// registryForms are for the registry, which speaks HTTP.
var registryForms = []form{noise, each(badRequest), preface}

// someBytes returns up to most random bytes.
func someBytes(random *rand.ChaCha8, most int) []byte {
	b := make([]byte, 1+random.Uint64()%uint64(most))
	_, _ = random.Read(b) // never fails
	return b
}

// noise is random from the first byte on.
func noise(random *rand.ChaCha8, frames int) (b []byte) {
	for range frames {
		b = append(b, someBytes(random, 128)...)
	}
	return b
}

// each repeats a frame.
func each(frame func(*rand.ChaCha8) []byte) form {
	return func(random *rand.ChaCha8, frames int) (b []byte) {
		for range frames {
			b = append(b, frame(random)...)
		}
		return b
	}
}

// greeted has frames follow a handshake.
func greeted(frame func(*rand.ChaCha8) []byte) form {
	return func(random *rand.ChaCha8, frames int) []byte {
		return append(helloBytes(clientHello), each(frame)(random, frames)...)
	}
}

func helloBytes(h wire.Hello) []byte {
	var b bytes.Buffer
	if err := wire.WriteHello(&b, h); err != nil {
		panic(fmt.Sprintf("attack: a handshake that cannot be written: %v", err))
	}
	return b.Bytes()
}

// longHello announces more than a handshake may have.
func longHello(random *rand.ChaCha8) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(wire.Magic), 1<<31|uint32(random.Uint64()))
	return append(b, someBytes(random, 64)...)
}

// garbledHello has the length that it says, and no sense.
func garbledHello(random *rand.ChaCha8) []byte {
	body := someBytes(random, 64)
	b := binary.LittleEndian.AppendUint32([]byte(wire.Magic), uint32(len(body)))
	return append(b, body...)
}

// stranger is the handshake of a peer or a joiner that nobody knows.
func stranger(role wire.Role) func(*rand.ChaCha8) []byte {
	return func(random *rand.ChaCha8) []byte {
		return helloBytes(wire.Hello{
			Role: role, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
			Group: random.Uint64(), Generation: random.Uint64() % 8, Extra: someBytes(random, 32),
		})
	}
}

// badLength announces more than a frame may have, or nothing.
func badLength(random *rand.ChaCha8) []byte {
	length := uint32(0)
	if random.Uint64()%2 == 0 {
		length = 1<<30 | uint32(random.Uint64())
	}
	return append(binary.LittleEndian.AppendUint32(nil, length), someBytes(random, 64)...)
}

// randomBody is a frame of the right length and any content.
func randomBody(random *rand.ChaCha8) []byte {
	body := someBytes(random, 128)
	if len(body)%2 == 0 {
		body[0] = wire.FrameRequest
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// badRequest is HTTP without sense in it.
func badRequest(random *rand.ChaCha8) []byte {
	body := someBytes(random, 128)
	head := fmt.Sprintf("POST /dsm.registry.v1.Registry/Heartbeat HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: %d\r\n\r\n", len(body))
	return append([]byte(head), body...)
}

// preface begins HTTP/2, and goes on with noise.
func preface(random *rand.ChaCha8, frames int) []byte {
	return slices.Concat([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), noise(random, frames))
}
