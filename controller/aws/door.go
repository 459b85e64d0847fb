package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/inference/release"
)

// Check returns why an artifact cannot be tried, in words for whoever named it;
// nil when it can be, and when AWS cannot be asked now: then it is awaited.
func (a *Artifacts) Check(ctx context.Context, source release.Source) error {
	if err := amazon.CheckSource(source.Bucket); err != nil {
		return err
	}
	at := place{Bucket: source.Bucket, Key: source.Key, Given: true}
	pinned, bytes, err := a.Pin(ctx, source)
	says := ""
	switch {
	case err != nil:
	case bytes > release.DefaultLimits().ArchiveBytes:
		says = fmt.Sprintf("has %d bytes, at most %d are taken: train a smaller model", bytes, release.DefaultLimits().ArchiveBytes)
	case strings.HasPrefix(pinned.ETag, prefixMark):
		says, err = a.folderIsNone(ctx, at)
	default:
		says, err = a.objectIsNone(ctx, at, bytes)
	}
	switch {
	case says != "":
		return fmt.Errorf("%v %s", at, says)
	case errors.Is(err, controller.ErrNotFound):
		return fmt.Errorf("there is nothing at %v: check the address%s", at, a.nearby(ctx, source))
	case errors.Is(err, controller.ErrTooLarge):
		return err
	case err == nil, unavailable(err), amazon.Unknown(err):
		return nil
	}
	return err
}

// objectIsNone says why an object is no artifact, or cannot be read.
func (a *Artifacts) objectIsNone(ctx context.Context, at place, bytes int64) (says string, err error) {
	switch {
	case bytes == 0:
		return "is empty: upload it, then ask again", nil
	case path.Base(at.Key) == release.ManifestName:
		return "is a manifest: name the model.tar.gz that it is packed in, or the folder where it lies beside the model", nil
	}
	err = a.firstByte(ctx, release.Source{Bucket: at.Bucket, Key: at.Key})
	if missing(err) || code(err) == "InvalidRange" { // it changes just now: the look will tell
		return "", nil
	}
	return "", explain("read the artifact", at, err)
}

// folderIsNone says why a folder is no artifact: it holds archives, one of
// which is meant, or nothing but a manifest.
func (a *Artifacts) folderIsNone(ctx context.Context, at place) (says string, err error) {
	f, err := a.look(ctx, at.Bucket, at.Key)
	if err != nil {
		return "", err
	}
	model := false
	for _, o := range f.objects {
		key := aws.ToString(o.Key)
		if strings.HasSuffix(key, ".tar.gz") || strings.HasSuffix(key, ".tgz") {
			return "is a folder of archives: name the one that is meant, as s3://" + at.Bucket + "/" + key, nil
		}
		model = model || path.Base(key) != release.ManifestName
	}
	if !model {
		return "holds a manifest and no model: upload the model beside it, or name another folder", nil
	}
	return "", nil
}

// The bounds of looking around: folders upwards, and what is named of one.
const (
	mostParents = 4
	mostListed  = 200
	mostNamed   = 3
)

// nearby tells what there is where an address goes astray; empty where nobody
// may see that.
func (a *Artifacts) nearby(ctx context.Context, source release.Source) string {
	key := strings.TrimSuffix(source.Key, "/")
	for range mostParents {
		cut := strings.LastIndex(key, "/") + 1
		folder, meant := key[:cut], key[cut:]
		names, err := a.list(ctx, source.Bucket, folder)
		switch {
		case err != nil:
			return ""
		case len(names) > 0:
			return fmt.Sprintf("; s3://%s/%s holds %s", source.Bucket, folder, nearest(names, meant))
		case folder == "":
			return "; the bucket is empty"
		}
		key = strings.TrimSuffix(folder, "/")
	}
	return ""
}

// list names what lies in a folder, folders with a slash.
func (a *Artifacts) list(ctx context.Context, bucket, folder string) (names []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.client.timeout)
	defer cancel()
	out, err := a.client.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &folder, Delimiter: aws.String("/"), MaxKeys: aws.Int32(mostListed)})
	if err != nil {
		return nil, err
	}
	for _, p := range out.CommonPrefixes {
		names = append(names, strings.TrimPrefix(aws.ToString(p.Prefix), folder))
	}
	for _, o := range out.Contents {
		if name := strings.TrimPrefix(aws.ToString(o.Key), folder); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// nearest names those that begin most like what was meant.
func nearest(names []string, meant string) string {
	alike := func(name string) (n int) {
		for n < min(len(name), len(meant)) && name[n] == meant[n] {
			n++
		}
		return n
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(alike(b), alike(a)), cmp.Compare(a, b)) })
	text := strings.Join(names[:min(mostNamed, len(names))], ", ")
	if more := len(names) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
