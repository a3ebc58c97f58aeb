package wire

import "github.com/seed-8247e700/dsm/internal/wire/codec"

import "encoding/binary"

// AppendDelivery appends d as a whole frame. Effects must have a bit for each
// of the Count commands and no byte more.
func AppendDelivery(dst []byte, d *Delivery) []byte {
	start := len(dst)
	dst = BeginFrame(dst, FrameDelivery)
	dst = binary.AppendUvarint(dst, d.View)
	dst = appendBytes(dst, d.Sender)
	dst = binary.AppendUvarint(dst, d.Incarnation)
	dst = binary.AppendUvarint(dst, d.Seq)
	dst = binary.AppendUvarint(dst, d.First)
	dst = binary.AppendUvarint(dst, uint64(d.Count))
	dst = appendBytes(dst, d.Payload)
	dst = append(dst, d.Effects...)
	return EndFrame(dst, start)
}

// DecodeDelivery reads the body of a delivery's frame. Sender, Payload and
// Effects alias body. It checks that Payload and Effects can hold Count
// commands; the commands themselves are for the caller to decode.
func DecodeDelivery(body []byte) (Delivery, error) {
	cur := codec.NewReader(body)
	d := Delivery{View: cur.Uvarint()}
	d.Sender = aliasString(cur.Bytes())
	d.Incarnation = cur.Uvarint()
	d.Seq = cur.Uvarint()
	d.First = cur.Uvarint()
	count := cur.Uvarint()
	d.Payload = cur.Bytes()
	d.Effects = cur.Rest()
	// A command takes at least a byte, so the payload bounds their number.
	if cur.Bad() || count > uint64(len(d.Payload)) || uint64(len(d.Effects)) != (count+7)/8 {
		return Delivery{}, ErrMalformed
	}
	d.Count = int(count)
	return d, nil
}

// Effect reports whether the delivery's command i, from 0, took effect.
func (d *Delivery) Effect(i int) bool {
	return d.Effects[i/8]&(1<<(i%8)) != 0
}
