package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// output is how a command prints what it shows: as text for people, or as data
// for programs.
type output struct{ format string } // "" and text, json, yaml

// formats adds -o, and --json, which is the same as -o json.
func (o *output) formats(c *cobra.Command) {
	c.Flags().VarP(&formatFlag{o}, "output", "o", "`format` to print in: text, json or yaml")
	c.Flags().Var(&jsonFlag{o}, "json", "print JSON, as -o json does")
	c.Flags().Lookup("json").NoOptDefVal = "true"
	known := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"text", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp
	}
	if err := c.RegisterFlagCompletionFunc("output", known); err != nil {
		panic(err) // the flag has just been added
	}
}

// data reports whether a program reads it.
func (o *output) data() bool { return o.format == "json" || o.format == "yaml" }

// print writes v as data.
func (o *output) print(out io.Writer, v any) error {
	if o.format == "yaml" {
		return printYAML(out, v)
	}
	return printJSON(out, v)
}

// printOne writes v as one of many: a line of JSON, or a document of YAML.
func (o *output) printOne(out io.Writer, v any) error {
	if o.format != "yaml" {
		return json.NewEncoder(out).Encode(v)
	}
	if _, err := io.WriteString(out, "---\n"); err != nil {
		return err
	}
	return printYAML(out, v)
}

func (o *output) set(format string) error {
	switch {
	case format != "text" && format != "json" && format != "yaml":
		return errors.New("want text, json or yaml")
	case o.format != "" && o.format != format:
		return fmt.Errorf("%s is asked for already", o.format)
	}
	o.format = format
	return nil
}

// formatFlag is -o.
type formatFlag struct{ of *output }

func (f *formatFlag) Set(text string) error { return f.of.set(text) }
func (f *formatFlag) Type() string          { return "format" }

func (f *formatFlag) String() string {
	if f.of == nil || f.of.format == "" {
		return "text"
	}
	return f.of.format
}

// jsonFlag is --json.
type jsonFlag struct{ of *output }

func (f *jsonFlag) Type() string   { return "bool" }
func (f *jsonFlag) String() string { return strconv.FormatBool(f.of != nil && f.of.format == "json") }

func (f *jsonFlag) Set(text string) error {
	wanted, err := strconv.ParseBool(text)
	if err != nil || !wanted {
		return err
	}
	return f.of.set("json")
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printYAML writes what printJSON does, in the same order. Texts that could be
// taken for anything else stand in quotes, which the YAML library leaves out of
// some: a digest such as 12e45678 would be read as a number.
func printYAML(out io.Writer, v any) error {
	written, err := json.Marshal(v)
	if err != nil {
		return err
	}
	y := yamlWriter{in: json.NewDecoder(bytes.NewReader(written))}
	y.in.UseNumber()
	if err := y.value(0, ""); err != nil {
		return err
	}
	_, err = out.Write(y.out.Bytes())
	return err
}

// yamlWriter turns JSON into YAML, token by token.
type yamlWriter struct {
	in  *json.Decoder
	out bytes.Buffer
}

// value writes the next value behind what stands before it on its line: " "
// after a key or a dash, nothing at the top.
func (y *yamlWriter) value(depth int, before string) error {
	token, err := y.in.Token()
	if err != nil {
		return err
	}
	bracket, isBracket := token.(json.Delim)
	switch {
	case !isBracket:
		y.out.WriteString(before + yamlScalar(token) + "\n")
		return nil
	case !y.in.More():
		y.out.WriteString(before + map[json.Delim]string{'{': "{}", '[': "[]"}[bracket] + "\n")
	case bracket == '{':
		err = y.object(depth, before)
	default:
		err = y.list(depth, before)
	}
	if err == nil {
		_, err = y.in.Token() // the closing bracket
	}
	return err
}

// object writes its first key behind a dash, if it stands in a list.
func (y *yamlWriter) object(depth int, before string) error {
	inline := before == "- "
	if inline {
		y.out.WriteString(before)
	} else if before != "" {
		y.out.WriteString("\n")
	}
	for y.in.More() {
		key, err := y.in.Token()
		if err != nil {
			return err
		}
		if !inline {
			y.out.WriteString(strings.Repeat("  ", depth))
		}
		inline = false
		y.out.WriteString(yamlScalar(key) + ":")
		if err := y.value(depth+1, " "); err != nil {
			return err
		}
	}
	return nil
}

func (y *yamlWriter) list(depth int, before string) error {
	if before == "- " {
		y.out.WriteString("-\n")
	} else if before != "" {
		y.out.WriteString("\n")
	}
	for y.in.More() {
		y.out.WriteString(strings.Repeat("  ", depth))
		if err := y.value(depth+1, "- "); err != nil {
			return err
		}
	}
	return nil
}

// yamlScalar writes a text without quotes only where nobody can take it for
// anything else, and numbers so that readers of older YAML take them for some.
func yamlScalar(token any) string {
	switch v := token.(type) {
	case nil:
		return "null"
	case json.Number:
		if mantissa, exponent, has := strings.Cut(v.String(), "e"); has && !strings.Contains(mantissa, ".") {
			return mantissa + ".0e" + exponent
		}
		return v.String()
	case string:
		words := regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)
		if regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_/-]*$`).MatchString(v) && !words.MatchString(v) {
			return v
		}
		return strconv.Quote(v) // whose escapes are YAML's, too
	}
	return fmt.Sprint(token) // true or false
}
