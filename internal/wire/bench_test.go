package wire

import (
	"bytes"
	"testing"
)

func benchCommand() Command {
	return Command{Op: OpSet, Session: 1 << 20, Seq: 1000, Floor: 999, Key: "variable/1234567", Value: make([]byte, 100)}
}

// BenchmarkCommand encodes and decodes a write as it travels between nodes.
func BenchmarkCommand(b *testing.B) {
	c := benchCommand()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = c.Append(buf[:0])
		if _, rest, err := DecodeCommand(buf); err != nil || len(rest) > 0 {
			b.Fatal(err)
		}
	}
}

// BenchmarkRequest encodes and decodes a request, frame and all.
func BenchmarkRequest(b *testing.B) {
	for name, r := range map[string]Request{
		"get":   {ID: 7, Kind: RequestGet, Timeout: 1e9, Position: 1 << 30, Key: "variable/1234567"},
		"write": {ID: 7, Kind: RequestWrite, Timeout: 1e9, Position: 1 << 30, Command: benchCommand()},
	} {
		b.Run(name, func(b *testing.B) {
			var buf []byte
			src := bytes.NewReader(nil)
			frames := NewFrameReader(src, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendRequest(buf[:0], &r)
				src.Reset(buf)
				_, body, err := frames.Next()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := DecodeRequest(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReply encodes and decodes a reply, frame and all.
func BenchmarkReply(b *testing.B) {
	r := Reply{ID: 7, Status: StatusOK, Position: 1 << 30, Version: 1 << 29, Data: make([]byte, 100)}
	var buf []byte
	src := bytes.NewReader(nil)
	frames := NewFrameReader(src, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendReply(buf[:0], &r)
		src.Reset(buf)
		_, body, err := frames.Next()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := DecodeReply(body); err != nil {
			b.Fatal(err)
		}
	}
}
