package registry

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// The token of a registry lets its bearer give up the group's variables, and make nodes
// leave. It is the only line of a file, which only its owner may read.
const (
	tokenName  = "token" // of the file in the data directory
	leastToken = 16      // bytes
	mostToken  = 1 << 10
)

// ReadToken returns the token in a file. It is an error if the file has none of 16 to 1,024
// bytes, or if others than its owner may read or write it.
func ReadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	b, readErr := io.ReadAll(io.LimitReader(f, mostToken+2))
	info, err := f.Stat()
	if err = errors.Join(readErr, err, f.Close()); err != nil {
		return "", fmt.Errorf("token: %s: %w", path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("token: %s has mode %#o, so that others can read it: chmod 600 %s", path, mode, path)
	}
	token := bytes.TrimSpace(b)
	if len(token) < leastToken || len(token) > mostToken || bytes.ContainsAny(token, " \t\r\n\x00") {
		return "", fmt.Errorf("token: %s must have one line of %d to %d bytes, without white space", path, leastToken, mostToken)
	}
	return string(token), nil
}

// tokenIn returns the token of the registry with a data directory, and makes it at the first
// start.
func tokenIn(dir string) (token, path string, err error) {
	path = filepath.Join(dir, tokenName)
	if token, err = ReadToken(path); !errors.Is(err, os.ErrNotExist) {
		return token, path, err
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // it never fails
	token = hex.EncodeToString(secret[:])
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", path, fmt.Errorf("token: %w", err)
	}
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", path, errors.Join(fmt.Errorf("token: %s: %w", path, err), os.Remove(path))
	}
	return token, path, nil
}
