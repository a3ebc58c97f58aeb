package server

import "syscall"

// machine returns the ids of the machine and of its kernel's run; "": it has none. A
// program can ask for the second only.
func machine() (host, boot string) {
	boot, err := syscall.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "", ""
	}
	return "", boot
}
