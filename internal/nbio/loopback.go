package nbio

import (
	"errors"
	"net"
)

// loopbackBuffer is how many bytes a connection over loopback takes before it is
// read, and before what it has sent is confirmed.
const loopbackBuffer = 4 << 20

// WidenLoopback gives a connection over loopback large buffers. Segments
// are up to 64 KiB long there, of which the buffer that a connection begins with
// takes one or two: the kernel drops what comes beyond, and the sender waits for a
// retransmission, 200 ms at least. Elsewhere segments are short, and the kernel
// itself finds the size that fits the path. The system may allow less, or refuse;
// the error is for a log.
func WidenLoopback(conn net.Conn) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	if remote, ok := tcp.RemoteAddr().(*net.TCPAddr); !ok || !remote.IP.IsLoopback() {
		return nil
	}
	return errors.Join(tcp.SetReadBuffer(loopbackBuffer), tcp.SetWriteBuffer(loopbackBuffer))
}
