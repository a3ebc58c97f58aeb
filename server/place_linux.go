package server

import (
	"os"
	"strings"
)

// machine returns the ids of the machine and of its kernel's run; "": it has none. Within
// a container the first is the container's, if its image has one, and the second the host's.
func machine() (host, boot string) {
	for _, name := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if host = firstLine(name); host != "" && host != "uninitialized" {
			return host, firstLine("/proc/sys/kernel/random/boot_id")
		}
	}
	return "", firstLine("/proc/sys/kernel/random/boot_id")
}

// firstLine returns the first line of a file; "": it has none, or cannot be read.
func firstLine(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}
