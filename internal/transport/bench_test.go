package transport

import (
	"testing"

	"github.com/seed-8247e700/dsm/isis"
)

// BenchmarkCodec encodes and decodes each message that a write costs.
func BenchmarkCodec(b *testing.B) {
	for _, m := range []isis.Message{
		{Kind: isis.KindPropose, View: 3, Seq: 1 << 20, Priority: 1 << 22, Count: 1, Payload: make([]byte, 130)},
		{Kind: isis.KindProposal, View: 3, Seq: 1 << 20, Priority: 1 << 22},
		{Kind: isis.KindFinal, View: 3, Seq: 1 << 20, Priority: 1 << 22},
		{Kind: isis.KindAck, View: 3, Acks: []uint64{1 << 20, 1 << 20, 1 << 20}},
	} {
		b.Run(m.Kind.String(), func(b *testing.B) {
			var buf []byte
			var out isis.Message
			acks := make([]uint64, 0, 16)
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendMessage(buf[:0], &m)
				if _, err := decodeMessage(buf, &out, acks); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
