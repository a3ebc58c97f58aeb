package wire

import "errors"

// Errors of the codecs and of connections.
var (
	// ErrMagic says that the other side does not speak this protocol at all:
	// its first bytes are not Magic. Nothing else was read.
	ErrMagic = errors.New("wire: the other side does not speak the dsm protocol")

	// ErrVersion says that the two sides have no protocol version in common.
	ErrVersion = errors.New("wire: no protocol version in common")

	// ErrMalformed says that bytes are not the encoding of what they should
	// be. After it a connection cannot be trusted and must be closed.
	ErrMalformed = errors.New("wire: malformed encoding")

	// ErrFrameTooLarge says that a frame announced more bytes than its reader
	// allows. No memory was taken for it; the connection must be closed.
	ErrFrameTooLarge = errors.New("wire: frame too large")

	// ErrNotSent is wrapped by a Conn's error when the request certainly did
	// not reach the node, so that it was not executed and never will be.
	ErrNotSent = errors.New("wire: request was not sent")

	// ErrNodeClosed is wrapped by the error with which an embedded node refuses
	// to be connected to after it was closed. It will not be back.
	ErrNodeClosed = errors.New("wire: the node is closed")
)
