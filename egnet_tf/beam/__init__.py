"""Restores photos on many machines with Apache Beam. Needs the extra `beam`.

    with beam.Pipeline() as pipeline:
        found = pipeline | ReadPhotos("gs://bucket/photos/**", output="gs://bucket/out")
        restored = found.photos | RestorePhotos("egnet_mobile")
        written = restored.photos | WritePhotos("gs://bucket/out")
        failed = (found.failed, restored.failed, written.failed) | beam.Flatten()
        failed | WriteFailures("gs://bucket/out/failed.jsonl")

`egnet_tf.deblur_many` is this pipeline as a command. Files are those of Beam's file
systems: local, gs://, s3://, hdfs:// and others. What cannot be restored becomes a
`Failure` and never ends the job. The results are those of `egnet_tf.deblur`, byte for
byte, where both run the same model on the same kind of processor.

Counters, in the namespace `egnet_tf`: `restored`, `failed`, `there_already` and
`left_out` count files, `pixels` those of the restored photos (a counter of Beam is a
whole number).
"""

from egnet_tf.beam.files import Failure as Failure
from egnet_tf.beam.files import WriteFailures as WriteFailures
from egnet_tf.beam.photos import PhotoFile as PhotoFile
from egnet_tf.beam.photos import ReadPhotos as ReadPhotos
from egnet_tf.beam.photos import RestorePhotos as RestorePhotos
from egnet_tf.beam.photos import RestorerHandler as RestorerHandler
from egnet_tf.beam.photos import WritePhotos as WritePhotos
from egnet_tf.beam.videos import RestoreVideos as RestoreVideos
