"""What a framework's side is tested with: the deeds of a served application, and the promises that it keeps."""
