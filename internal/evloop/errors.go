package evloop

import "errors"

// ErrUnsupported is why there is no loop on a system, or none for a connection.
var ErrUnsupported = errors.New("evloop: not supported here")

// ErrWouldBlock says that a read found nothing, now.
var ErrWouldBlock = errors.New("evloop: nothing has come")
