package client

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hidden stands in for what may be a secret.
const hidden = "xxxxx"

var (
	schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	optionPattern = regexp.MustCompile(`^[a-z_]{1,32}$`)
	valuePattern  = regexp.MustCompile(`^[0-9A-Za-z.+µ-]{0,32}$`)
)

// Redact returns a data source name, or an address, as it may be shown: without a
// user or password, and without the values of options that are none of ours. It
// takes any text, also one that no data source name is like: whatever stands where
// a secret may stand is hidden.
func Redact(text string) string {
	scheme := schemePattern.FindString(text)
	rest := text[len(scheme):]
	// A password may have any character in it, escaped or not.
	at := max(strings.LastIndexByte(rest, '@'), strings.LastIndex(rest, "%40"))
	user := ""
	if at >= 0 {
		user, rest = hidden+"@", strings.TrimPrefix(strings.TrimPrefix(rest[at:], "@"), "%40")
	}
	hosts, query, asked := strings.Cut(rest, "?")
	list := strings.Split(hosts, ",")
	for i, host := range list {
		list[i] = redactHost(host)
	}
	shown := scheme + user + strings.Join(list, ",")
	if asked {
		shown += "?" + redactQuery(query)
	}
	return shown
}

// RedactArgument returns an argument of a command as it may be shown where any text
// may stand: as Redact does if it looks like a data source name or another URL.
func RedactArgument(arg string) string {
	if strings.Contains(arg, "://") {
		return Redact(arg)
	}
	return arg
}

// redactHost shows host:port, and nothing of what does not belong there.
func redactHost(host string) string {
	end := strings.IndexFunc(host, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`/\#=;"'`, r) })
	tail := ""
	if end >= 0 {
		tail = host[end : end+1]
		if host[end+1:] != "" {
			tail += hidden
		}
		host = host[:end]
	}
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			return host + tail
		}
		name, port, _ := strings.Cut(host, ":")
		if port != "" {
			name += ":" + hidden
		}
		return name + tail
	}
	if _, err := strconv.ParseInt(port, 10, 64); err != nil && port != "" {
		host = strings.TrimSuffix(host, port) + hidden
	}
	return host + tail
}

// redactQuery shows the values of options that there are.
func redactQuery(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, given := strings.Cut(pair, "=")
		switch {
		case slices.Contains(optionNames(), name) && valuePattern.MatchString(value):
		case !optionPattern.MatchString(name):
			pairs[i] = hidden
		case given:
			pairs[i] = name + "=" + hidden
		}
	}
	return strings.Join(pairs, "&")
}

// userPattern is what a bare user:password@host:port is like.
var userPattern = regexp.MustCompile(`^[^\s:@/]*:[^\s]*@[^\s@,]*:[0-9]+`)

// RedactArguments returns an error's text without the users and passwords that stand
// in the arguments of a command: wherever it repeats one that looks like a URL, it
// shows it as Redact does. With bare set so it is with user:password@host:port, which may
// also be a key that somebody has chosen.
func RedactArguments(text string, args []string, bare bool) string {
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			if _, value, assigns := strings.Cut(arg, "="); assigns {
				arg = value
			}
		}
		if !strings.Contains(arg, "://") && (!bare || !userPattern.MatchString(arg)) {
			continue
		}
		shown := Redact(arg)
		text = strings.ReplaceAll(text, arg, shown)
		quoted := strconv.Quote(arg)
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], shown)
	}
	return text
}
