package console

import "testing"

func TestByteSize(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "4096": 4096, "4KiB": 4096, "16MiB": 16 << 20, "1GiB": 1 << 30, "3KiB": 3072} {
		var s ByteSize
		if err := s.Set(text); err != nil || int(s) != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
		var again ByteSize
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s is shown as %s", text, s.String())
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1TB", "1.5GiB", "99999999999GiB"} {
		var s ByteSize
		if err := s.Set(text); err == nil {
			t.Errorf("%q is %d", text, s)
		}
	}
}
